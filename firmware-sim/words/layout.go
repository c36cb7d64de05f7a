package words

import (
	"fmt"
	"math"
	"strings"
)

// Layout is how one value lies in registers.
type Layout struct {
	Type   string // int16 uint16 int32 uint32 int64 uint64 float32 float64 bcd string bool
	Order  Order
	Length int // registers of bcd and string; others know theirs
}

// Words is the number of registers that the layout covers; zero for a type
// that there is not.
func (l Layout) Words() int {
	switch l.Type {
	case "int16", "uint16", "bool":
		return 1
	case "int32", "uint32", "float32":
		return 2
	case "int64", "uint64", "float64":
		return 4
	case "bcd", "string":
		return max(1, l.Length)
	}
	return 0
}

// Check fails for a type or an order that there is not.
func (l Layout) Check() error {
	if l.Words() == 0 {
		return fmt.Errorf("there is no type %q", l.Type)
	}
	switch l.Order {
	case "", ABCD, CDAB, BADC, DCBA:
		return nil
	}
	return fmt.Errorf("there is no order %q", l.Order)
}

// Encode lays out a number; integers are rounded and kept within their range.
func (l Layout) Encode(v float64) []uint16 {
	n := l.Words()
	switch l.Type {
	case "float32":
		return l.Order.Arrange(Float32(v))
	case "float64":
		return l.Order.Arrange(Float64(v))
	case "bcd":
		most := math.Pow(10, float64(min(4*n, 18)))
		return l.Order.Arrange(BCD(uint64(min(max(math.Round(v), 0), most-1)), n))
	}
	return l.Order.Arrange(Uint(l.integer(math.Round(v), 16*n), n))
}

// integer is v as two's complement, within what so many bits hold.
func (l Layout) integer(v float64, bits int) uint64 {
	if !strings.HasPrefix(l.Type, "int") {
		limit := math.Ldexp(1, bits)
		switch {
		case v <= 0:
			return 0
		case v >= limit:
			return math.MaxUint64 >> (64 - bits)
		}
		return uint64(v)
	}
	limit := math.Ldexp(1, bits-1)
	switch {
	case v < -limit:
		return uint64(1) << (bits - 1)
	case v >= limit:
		return math.MaxUint64 >> (65 - bits)
	}
	return uint64(int64(v))
}

// EncodeText lays out a string. Its words always follow each other; an order
// only swaps the bytes within them.
func (l Layout) EncodeText(s string) []uint16 { return l.Order.swap(Text(s, l.Words())) }

// Decode undoes Encode; it fails for digits that are none.
func (l Layout) Decode(w []uint16) (float64, error) {
	u := ToUint(l.Order.Arrange(w))
	switch l.Type {
	case "int16":
		return float64(int16(u)), nil
	case "int32":
		return float64(int32(u)), nil
	case "int64":
		return float64(int64(u)), nil
	case "float32":
		return float64(math.Float32frombits(uint32(u))), nil
	case "float64":
		return math.Float64frombits(u), nil
	case "bcd":
		v, err := ToBCD(l.Order.Arrange(w))
		return float64(v), err
	}
	return float64(u), nil
}
