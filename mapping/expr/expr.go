// Package expr is a small language for values that are computed from others:
// "import - export", "value > 1 ? 2 - value : value", "bit(status, 3)".
//
// It knows numbers, bools and texts, the operators of C without assignments,
// and a few functions; names are those of points. It has no loops and no
// effects, so that every expression ends soon. What is wrong with one is found
// when it is read, with the character where it is.
package expr

import (
	"fmt"
	"math"

	"fieldmq/drivers"
)

// Expr is an expression that was read and checked. It may be used from any
// goroutine.
type Expr struct {
	text  string
	names []string
	root  node
}

// String is the expression as it was written.
func (e *Expr) String() string { return e.text }

// Names are the names in the expression, each once, in the order in which they
// come.
func (e *Expr) Names() []string { return e.names }

// Fault is what is wrong with an expression, and where.
type Fault struct {
	At   int // the character, from 1
	Text string
}

func (f *Fault) Error() string { return fmt.Sprintf("at character %d: %s", f.At, f.Text) }

// Kinds says of what kind a name's values are: drivers.KindBool, KindFloat or
// KindText. ok is false for a name that there is not.
type Kinds func(name string) (kind drivers.Kind, ok bool)

// Check finds names that there are not, and values that do not go together. It
// returns the kind of the result.
func (e *Expr) Check(kinds Kinds) (drivers.Kind, error) {
	kind, fault := e.root.check(kinds)
	if fault != nil {
		return drivers.KindNone, fault
	}
	return kind, nil
}

// Eval computes an expression that was checked. get gives the values of names:
// bools, numbers or texts, as was said to Check.
func (e *Expr) Eval(get func(name string) drivers.Value) (drivers.Value, error) {
	v := e.root.eval(get)
	if v.Kind() == drivers.KindFloat && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
		return drivers.Value{}, fmt.Errorf("%w: the result is no number", drivers.ErrNoValue)
	}
	return v, nil
}

// node is a part of an expression.
type node interface {
	check(Kinds) (drivers.Kind, *Fault)
	eval(get func(string) drivers.Value) drivers.Value
}

// number is a Value for a float that may be none.
func number(f float64) drivers.Value { return drivers.Float(f) }

// constant is a number, a bool or a text.
type constant struct{ value drivers.Value }

func (c constant) check(Kinds) (drivers.Kind, *Fault)            { return c.value.Kind(), nil }
func (c constant) eval(func(string) drivers.Value) drivers.Value { return c.value }

// name is the value of a point.
type name struct {
	text string
	at   int
}

func (n name) check(kinds Kinds) (drivers.Kind, *Fault) {
	kind, ok := kinds(n.text)
	if !ok {
		return kind, &Fault{n.at, fmt.Sprintf("there is no point %q", n.text)}
	}
	return kind, nil
}

func (n name) eval(get func(string) drivers.Value) drivers.Value { return get(n.text) }

// choice is condition ? yes : no.
type choice struct {
	condition, yes, no node
	at                 int
}

func (c choice) check(kinds Kinds) (drivers.Kind, *Fault) {
	if f := want(kinds, drivers.KindBool, c.at, "?", c.condition); f != nil {
		return 0, f
	}
	yes, f := c.yes.check(kinds)
	if f != nil {
		return 0, f
	}
	no, f := c.no.check(kinds)
	if f == nil && yes != no {
		f = &Fault{c.at, fmt.Sprintf("one side of the choice is a %v, the other a %v", yes, no)}
	}
	return yes, f
}

func (c choice) eval(get func(string) drivers.Value) drivers.Value {
	if c.condition.eval(get).Bool() {
		return c.yes.eval(get)
	}
	return c.no.eval(get)
}

// want checks that operands are of a kind.
func want(kinds Kinds, kind drivers.Kind, at int, operator string, operands ...node) *Fault {
	for _, o := range operands {
		got, f := o.check(kinds)
		if f != nil {
			return f
		}
		if got != kind {
			return &Fault{at, fmt.Sprintf("%s needs a %v, and this is a %v", operator, kind, got)}
		}
	}
	return nil
}
