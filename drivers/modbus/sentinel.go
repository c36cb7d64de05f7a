package modbus

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Sentinel is a pattern by which a device says that it has no value. Written
// in hexadecimal it is the bits of the whole value, in the order that the
// value itself has; in decimal it is the value before any scale.
type Sentinel struct {
	text string
	hex  bool
	bits uint64  // of an integer, or as written in hexadecimal
	num  float64 // of a decimal number; NaN for "nan"
}

// UnmarshalText reads 0x8000, 65535, -32768, -9999.0 or nan.
func (s *Sentinel) UnmarshalText(text []byte) error {
	t := string(text)
	if lower := strings.ToLower(t); strings.HasPrefix(lower, "0x") {
		bits, err := number(lower)
		*s = Sentinel{text: t, hex: true, bits: bits}
		return badSentinel(t, err)
	}
	num, err := strconv.ParseFloat(t, 64)
	*s = Sentinel{text: t, num: num}
	if i, err := strconv.ParseInt(t, 10, 64); err == nil {
		s.bits = uint64(i)
	} else if u, err := strconv.ParseUint(t, 10, 64); err == nil {
		s.bits = u
	} else if math.Abs(num) < 1<<63 {
		s.bits = uint64(int64(num)) // 1e3; what is not whole does not fit an integer
	}
	return badSentinel(t, err)
}

func badSentinel(text string, err error) error {
	if err != nil {
		return fmt.Errorf("%q is not a word such as 0x8000, a number or nan", text)
	}
	return nil
}

// ConfigForms are a text or a number.
func (Sentinel) ConfigForms() []any { return []any{"", 0.0} }

// MarshalText writes String.
func (s Sentinel) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// String is the sentinel as it was written.
func (s Sentinel) String() string { return s.text }

// matches says whether the raw bits of a value of type t are the sentinel.
func (s Sentinel) matches(t Type, bits uint64, width int) bool {
	switch {
	case s.hex:
		return bits == s.bits
	case t == Float16:
		own, ok := halfBits(s.num)
		return ok && uint64(own) == bits
	case t == Float32:
		return math.Float32frombits(uint32(bits)) == float32(s.num)
	case t == Float64:
		return math.Float64frombits(bits) == s.num
	}
	return bits == s.bits&mask(width)
}

// fits says whether a value of so many bits can have the sentinel.
func (s Sentinel) fits(t Type, width int) bool {
	switch {
	case s.hex:
		return s.bits <= mask(width)
	case t.float():
		return true
	case s.num != math.Trunc(s.num): // NaN too: no integer is
		return false
	}
	limit := math.Ldexp(1, width)
	return -limit/2 <= s.num && s.num <= limit-1
}

// mask is the lowest width bits, 1 to 64.
func mask(width int) uint64 { return math.MaxUint64 >> (64 - width) }
