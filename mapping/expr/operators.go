package expr

import (
	"fmt"
	"math"

	"fieldmq/drivers"
)

// unary is an operator before its operand.
type unary struct {
	operator string
	operand  node
	at       int
}

func (u unary) check(kinds Kinds) (drivers.Kind, *Fault) {
	kind := drivers.KindFloat
	if u.operator == "!" {
		kind = drivers.KindBool
	}
	return kind, want(kinds, kind, u.at, u.operator, u.operand)
}

func (u unary) eval(get func(string) drivers.Value) drivers.Value {
	v := u.operand.eval(get)
	switch u.operator {
	case "!":
		return drivers.Bool(!v.Bool())
	case "~":
		return number(float64(^whole(v)))
	}
	return number(-v.Float())
}

// binary is an operator between two operands.
type binary struct {
	operator    string
	left, right node
	at          int
}

// levels are the operators by how tight they bind, the loosest first.
var levels = [][]string{
	{"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"},
}

func (b binary) check(kinds Kinds) (drivers.Kind, *Fault) {
	switch b.operator {
	case "||", "&&":
		return drivers.KindBool, want(kinds, drivers.KindBool, b.at, b.operator, b.left, b.right)
	case "==", "!=":
		return drivers.KindBool, b.alike(kinds)
	case "<", "<=", ">", ">=":
		return drivers.KindBool, want(kinds, drivers.KindFloat, b.at, b.operator, b.left, b.right)
	}
	return drivers.KindFloat, want(kinds, drivers.KindFloat, b.at, b.operator, b.left, b.right)
}

// alike checks that both sides can be equal.
func (b binary) alike(kinds Kinds) *Fault {
	left, f := b.left.check(kinds)
	if f != nil {
		return f
	}
	right, f := b.right.check(kinds)
	if f == nil && left != right {
		f = &Fault{b.at, fmt.Sprintf("%s compares a %v with a %v", b.operator, left, right)}
	}
	return f
}

func (b binary) eval(get func(string) drivers.Value) drivers.Value {
	left := b.left.eval(get)
	switch b.operator { // the right side may not count
	case "||":
		return drivers.Bool(left.Bool() || b.right.eval(get).Bool())
	case "&&":
		return drivers.Bool(left.Bool() && b.right.eval(get).Bool())
	}
	right := b.right.eval(get)
	switch b.operator {
	case "==":
		return drivers.Bool(equal(left, right))
	case "!=":
		return drivers.Bool(!equal(left, right))
	case "<":
		return drivers.Bool(left.Float() < right.Float())
	case "<=":
		return drivers.Bool(left.Float() <= right.Float())
	case ">":
		return drivers.Bool(left.Float() > right.Float())
	case ">=":
		return drivers.Bool(left.Float() >= right.Float())
	}
	return number(b.arithmetic(left, right))
}

func (b binary) arithmetic(left, right drivers.Value) float64 {
	x, y := left.Float(), right.Float()
	switch b.operator {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		return x / y
	case "%":
		return math.Mod(x, y)
	case "|":
		return float64(whole(left) | whole(right))
	case "^":
		return float64(whole(left) ^ whole(right))
	case "&":
		return float64(whole(left) & whole(right))
	case "<<":
		return float64(whole(left) << distance(right))
	case ">>":
		return float64(whole(left) >> distance(right))
	}
	return math.NaN()
}

// equal compares numbers by value and all others as they are.
func equal(a, b drivers.Value) bool {
	if a.IsNumber() && b.IsNumber() {
		return a.Float() == b.Float()
	}
	return a == b
}

// whole is a number cut to the integer that bits are taken of.
func whole(v drivers.Value) int64 {
	f := v.Float()
	switch {
	case math.IsNaN(f):
		return 0
	case f >= 1<<63:
		return math.MaxInt64
	case f < -1<<63:
		return math.MinInt64
	}
	return int64(f)
}

// distance is how far bits are shifted.
func distance(v drivers.Value) uint { return uint(min(max(whole(v), 0), 63)) }
