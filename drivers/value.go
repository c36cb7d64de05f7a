package drivers

import (
	"math"
	"strconv"
)

// Kind is the kind of a Value.
type Kind uint8

// The kinds of values. Uint is only used for what Int cannot hold.
const (
	KindNone Kind = iota // the zero Value: nothing
	KindBool
	KindInt
	KindUint
	KindFloat
	KindText
)

// String is the kind's name in documents: "bool", "integer", "number", "text".
func (k Kind) String() string {
	switch k {
	case KindBool:
		return "bool"
	case KindInt, KindUint:
		return "integer"
	case KindFloat:
		return "number"
	case KindText:
		return "text"
	}
	return "none"
}

// Value is a bool, an integer, a number or a text, in the manner of
// slog.Value: small, copied freely, without allocation but for texts. Values
// are comparable with ==.
type Value struct {
	kind Kind
	num  uint64
	text string
}

// Bool returns a Value of KindBool.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Int returns a Value of KindInt.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Uint returns a Value of KindInt where u fits, else of KindUint.
func Uint(u uint64) Value {
	if u <= math.MaxInt64 {
		return Int(int64(u))
	}
	return Value{kind: KindUint, num: u}
}

// Float returns a Value of KindFloat. Callers keep NaN and infinities out:
// they are no values.
func Float(f float64) Value { return Value{kind: KindFloat, num: math.Float64bits(f)} }

// Float32 returns the Value of KindFloat with the fewest decimal digits that
// is f in single precision: 230.1, where float64(f) is 230.10000610351562.
func Float32(f float32) Value {
	if d, ok := fewDigits(f); ok {
		return Float(d)
	}
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil { // cannot be: the text was just written
		d = float64(f)
	}
	return Float(d)
}

// fewDigits is what Float32 is about, for numbers as meters have them: the first
// of so many decimals that is f in single precision. All steps are exact, but
// for the division, which rounds once as reading the text would.
func fewDigits(f float32) (float64, bool) {
	const least, most = 1e-3, 1 << 24 // smaller ones need more decimals; above, not every integer is a float32
	if a := math.Abs(float64(f)); a >= most || a < least && a != 0 {
		return 0, false
	}
	for scale := 1.0; scale <= 1e7; scale *= 10 {
		if d := math.RoundToEven(float64(f)*scale) / scale; float32(d) == f {
			return d, true
		}
	}
	return 0, false
}

// Text returns a Value of KindText.
func Text(s string) Value { return Value{kind: KindText, text: s} }

// Kind is the value's kind; KindNone for the zero Value.
func (v Value) Kind() Kind { return v.kind }

// Bool is the value of a bool, else whether the number is not zero.
func (v Value) Bool() bool {
	if v.kind == KindFloat {
		return v.Float() != 0
	}
	return v.num != 0
}

// Int is the integer, a bool as 0 or 1, or a number cut to its integer part.
func (v Value) Int() int64 {
	if v.kind == KindFloat {
		return int64(v.Float())
	}
	return int64(v.num)
}

// Uint is the integer as unsigned; see Int.
func (v Value) Uint() uint64 {
	if v.kind == KindFloat {
		return uint64(v.Float())
	}
	return v.num
}

// Float is any number or bool as float64; a text is 0.
func (v Value) Float() float64 {
	switch v.kind {
	case KindFloat:
		return math.Float64frombits(v.num)
	case KindUint:
		return float64(v.num)
	case KindText:
		return 0
	}
	return float64(int64(v.num))
}

// IsNumber says whether the value is an integer or a number.
func (v Value) IsNumber() bool {
	return v.kind == KindInt || v.kind == KindUint || v.kind == KindFloat
}

// String is the value in plain text: "true", "-7", "21.4", the text itself.
// Numbers have the fewest digits that name them, without exponent in the
// range that people read.
func (v Value) String() string { return string(v.Append(nil)) }

// Append appends String to b.
func (v Value) Append(b []byte) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(b, v.num != 0)
	case KindInt:
		return strconv.AppendInt(b, int64(v.num), 10)
	case KindUint:
		return strconv.AppendUint(b, v.num, 10)
	case KindFloat:
		f := v.Float()
		if a := math.Abs(f); a != 0 && (a < 1e-9 || a >= 1e21) {
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	case KindText:
		return append(b, v.text...)
	}
	return b
}
