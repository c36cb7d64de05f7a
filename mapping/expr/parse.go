package expr

import (
	"fmt"
	"slices"
	"strings"

	"fieldmq/drivers"
)

// Bounds of what is read, so that nothing takes long.
const (
	longest = 2000 // characters
	deepest = 100  // parts within parts
)

// Parse reads an expression. The error is a Fault.
func Parse(text string) (*Expr, error) {
	if len(text) > longest {
		return nil, &Fault{longest, fmt.Sprintf("the expression is longer than %d characters", longest)}
	}
	p := &parser{lexer: lexer{text: text}}
	root, fault := p.expression()
	if fault == nil && p.fault == nil && p.token.kind != end {
		fault = p.unexpected()
	}
	if p.fault != nil { // what cannot be read comes before what cannot be understood
		fault = p.fault
	}
	if fault != nil {
		return nil, fault
	}
	return &Expr{text: strings.TrimSpace(text), names: p.names, root: root}, nil
}

// parser reads an expression from the loosest operator to the tightest.
type parser struct {
	lexer
	begun bool
	depth int
	names []string
}

// peek is the token at hand.
func (p *parser) peek() token {
	if !p.begun {
		p.begun = true
		p.next()
	}
	return p.token
}

// take goes on if the token at hand is this one.
func (p *parser) take(text string) bool {
	t := p.peek()
	if t.kind != operator || t.text != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) unexpected() *Fault {
	t := p.peek()
	if t.kind == end {
		return &Fault{t.at, "something is missing here"}
	}
	return &Fault{t.at, fmt.Sprintf("%q does not belong here", t.text)}
}

// expression is the whole, or what stands in parentheses.
func (p *parser) expression() (node, *Fault) {
	if p.depth++; p.depth > deepest {
		return nil, &Fault{p.peek().at, "the expression is nested too deep"}
	}
	defer func() { p.depth-- }()
	condition, f := p.level(0)
	at := p.peek().at
	if f != nil || !p.take("?") {
		return condition, f
	}
	yes, f := p.expression()
	if f != nil {
		return nil, f
	}
	if !p.take(":") {
		return nil, &Fault{p.peek().at, "a colon is missing: condition ? value : other"}
	}
	no, f := p.expression()
	return choice{condition, yes, no, at}, f
}

// level is operators that bind as tight, from left to right.
func (p *parser) level(n int) (node, *Fault) {
	if n == len(levels) {
		return p.unary()
	}
	left, f := p.level(n + 1)
	for f == nil {
		t := p.peek()
		if t.kind != operator || !slices.Contains(levels[n], t.text) {
			return left, nil
		}
		p.next()
		var right node
		if right, f = p.level(n + 1); f == nil {
			left = binary{t.text, left, right, t.at}
		}
	}
	return nil, f
}

func (p *parser) unary() (node, *Fault) {
	t := p.peek()
	if t.kind != operator || t.text != "-" && t.text != "!" && t.text != "~" {
		return p.primary()
	}
	if p.depth++; p.depth > deepest {
		return nil, &Fault{t.at, "the expression is nested too deep"}
	}
	defer func() { p.depth-- }()
	p.next()
	operand, f := p.unary()
	return unary{t.text, operand, t.at}, f
}

// primary is a value, a name, a call, or what stands in parentheses.
func (p *parser) primary() (node, *Fault) {
	t := p.peek()
	switch t.kind {
	case constants:
		p.next()
		return constant{t.value}, nil
	case bracketed:
		p.next()
		return p.name(t), nil
	case word:
		p.next()
		return p.word(t)
	}
	if !p.take("(") {
		return nil, p.unexpected()
	}
	inner, f := p.expression()
	if f == nil && !p.take(")") {
		f = &Fault{p.peek().at, "a closing parenthesis is missing"}
	}
	return inner, f
}

// word is true, false, a name, or a call.
func (p *parser) word(t token) (node, *Fault) {
	switch {
	case t.text == "true", t.text == "false":
		return constant{drivers.Bool(t.text == "true")}, nil
	case !p.take("("):
		return p.name(t), nil
	}
	var arguments []node
	for !p.take(")") {
		if len(arguments) > 0 && !p.take(",") {
			return nil, &Fault{p.peek().at, "a comma or a closing parenthesis is missing"}
		}
		argument, f := p.expression()
		if f != nil {
			return nil, f
		}
		arguments = append(arguments, argument)
	}
	return newCall(t.text, arguments, t.at)
}

func (p *parser) name(t token) node {
	if !slices.Contains(p.names, t.text) {
		p.names = append(p.names, t.text)
	}
	return name{t.text, t.at}
}
