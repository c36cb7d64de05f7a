package expr

import (
	"fmt"
	"strconv"
	"strings"

	"fieldmq/drivers"
)

// kind is the kind of a token.
type kind uint8

const (
	end kind = iota
	operator
	constants // numbers and texts
	word
	bracketed // a name in brackets
)

// token is a word of an expression.
type token struct {
	kind  kind
	text  string
	value drivers.Value // of constants
	at    int           // the character, from 1
}

// lexer takes an expression apart. After a fault there is only the end.
type lexer struct {
	text  string
	from  int
	token token
	fault *Fault
}

// signs are the operators, the longer ones first.
var signs = []string{
	"||", "&&", "==", "!=", "<=", ">=", "<<", ">>",
	"+", "-", "*", "/", "%", "<", ">", "!", "~", "|", "^", "&", "?", ":", "(", ")", ",",
}

// words that are operators too.
var wordSigns = map[string]string{"and": "&&", "or": "||", "not": "!"}

// next goes to the next token.
func (l *lexer) next() {
	rest := strings.TrimLeft(l.text[l.from:], " \t\r\n")
	l.from = len(l.text) - len(rest)
	l.token = token{at: l.from + 1}
	if rest == "" || l.fault != nil {
		return
	}
	switch c := rest[0]; {
	case digit(c) || c == '.' && len(rest) > 1 && digit(rest[1]):
		l.number(rest)
	case c == '"' || c == '\'':
		l.quoted(rest, c, constants)
	case c == '[':
		l.quoted(rest, ']', bracketed)
	case letter(c):
		n := length(rest, func(c byte) bool { return letter(c) || digit(c) })
		l.put(word, rest[:n], n)
		if sign, ok := wordSigns[rest[:n]]; ok {
			l.token.kind, l.token.text = operator, sign
		}
	default:
		l.sign(rest)
	}
}

func (l *lexer) put(k kind, text string, length int) {
	l.token.kind, l.token.text = k, text
	l.from += length
}

func (l *lexer) bad(format string, args ...any) {
	l.fault = &Fault{l.token.at, fmt.Sprintf(format, args...)}
}

// number is a decimal number, or a hexadecimal one behind 0x.
func (l *lexer) number(rest string) {
	if strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X") {
		n := 2 + length(rest[2:], func(c byte) bool { return digit(c) || letter(c) })
		u, err := strconv.ParseUint(rest[2:n], 16, 53)
		if err != nil {
			l.bad("%q is not a hexadecimal number of at most 53 bits", rest[:n])
			return
		}
		l.put(constants, rest[:n], n)
		l.token.value = drivers.Float(float64(u))
		return
	}
	n := length(rest, func(c byte) bool { return digit(c) || c == '.' })
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '-' || rest[m] == '+') {
			m++
		}
		if d := length(rest[m:], digit); d > 0 {
			n = m + d
		}
	}
	f, err := strconv.ParseFloat(rest[:n], 64)
	if err != nil || n < len(rest) && letter(rest[n]) {
		l.bad("%q is not a number", rest[:n+length(rest[n:], letter)])
		return
	}
	l.put(constants, rest[:n], n)
	l.token.value = drivers.Float(f)
}

// quoted is a text in quotes, or a name in brackets.
func (l *lexer) quoted(rest string, until byte, k kind) {
	inside, _, closed := strings.Cut(rest[1:], string(until))
	if !closed || inside == "" && k == bracketed {
		l.bad("%c is not closed by %c", rest[0], until)
		return
	}
	l.put(k, inside, len(inside)+2)
	l.token.value = drivers.Text(inside)
}

func (l *lexer) sign(rest string) {
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			l.put(operator, s, len(s))
			return
		}
	}
	l.bad("%q does not belong here", []rune(rest)[0])
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// length is how many bytes at the beginning are of a class.
func length(s string, class func(byte) bool) int {
	for i := range len(s) {
		if !class(s[i]) {
			return i
		}
	}
	return len(s)
}
