package words

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Layout is how one value lies in registers.
type Layout struct {
	Type   string // int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 bcd bcd-unpacked mod10k int16-sign int32-sign string bool
	Order  Order
	Length int // registers of bcd and string; others know theirs

	Chars     string // of a string: "high" or "low", one a register; else two
	Backwards bool   // a string has its last register first
}

// Words is the number of registers that the layout covers; zero for a type
// that there is not.
func (l Layout) Words() int {
	switch l.Type {
	case "int16", "uint16", "int16-sign", "float16", "bool":
		return 1
	case "int32", "uint32", "int32-sign", "float32":
		return 2
	case "int64", "uint64", "float64":
		return 4
	case "bcd", "bcd-unpacked", "mod10k", "string":
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
	case "float16":
		return l.Order.Arrange([]uint16{Float16(v)})
	case "float32":
		return l.Order.Arrange(Float32(v))
	case "float64":
		return l.Order.Arrange(Float64(v))
	case "int16-sign", "int32-sign":
		sign := uint64(0)
		if v < 0 {
			sign = 1 << (16*n - 1)
		}
		return l.Order.Arrange(Uint(sign|most(math.Abs(v), math.Ldexp(1, 16*n-1)), n))
	case "bcd-unpacked":
		return l.Order.Arrange(digits(most(v, math.Pow(10, float64(2*n))), n, 100, func(d uint64) uint16 { return uint16(d/10<<8 | d%10) }))
	case "mod10k":
		return l.Order.Arrange(digits(most(v, math.Pow(10, float64(4*n))), n, 10000, func(d uint64) uint16 { return uint16(d) }))
	case "bcd":
		most := math.Pow(10, float64(min(4*n, 18)))
		return l.Order.Arrange(BCD(uint64(min(max(math.Round(v), 0), most-1)), n))
	}
	return l.Order.Arrange(Uint(l.integer(math.Round(v), 16*n), n))
}

// most is v as a whole number from zero to below a limit.
func most(v, limit float64) uint64 { return uint64(min(max(math.Round(v), 0), limit-1)) }

// digits is v in n registers that each hold a part below base, high part first.
func digits(v uint64, n int, base uint64, word func(uint64) uint16) []uint16 {
	w := make([]uint16, n)
	for i := range w {
		w[n-1-i] = word(v % base)
		v /= base
	}
	return w
}

// undigits undoes digits; word fails for what is no part of a number.
func undigits(w []uint16, base uint64, word func(uint16) (uint64, bool)) (float64, error) {
	var v uint64
	for _, x := range w {
		d, ok := word(x)
		if !ok {
			return 0, fmt.Errorf("%04x holds no decimal digits", x)
		}
		v = v*base + d
	}
	return float64(v), nil
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
func (l Layout) EncodeText(s string) []uint16 {
	w := Text(s, l.Words())
	if l.Chars == "high" || l.Chars == "low" {
		for i := range w {
			w[i] = 0
			if i < len(s) {
				w[i] = uint16(s[i])
			}
			if l.Chars == "high" {
				w[i] <<= 8
			}
		}
	}
	if l.Backwards {
		slices.Reverse(w)
	}
	return l.Order.swap(w)
}

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
	case "int16-sign", "int32-sign":
		sign := uint64(1) << (16*len(w) - 1)
		if u&sign != 0 {
			return -float64(u &^ sign), nil
		}
		return float64(u), nil
	case "float16":
		return FromFloat16(uint16(u)), nil
	case "float32":
		return float64(math.Float32frombits(uint32(u))), nil
	case "float64":
		return math.Float64frombits(u), nil
	case "bcd-unpacked":
		return undigits(l.Order.Arrange(w), 100, func(x uint16) (uint64, bool) {
			return uint64(x>>8*10 + x&0xFF), x>>8 < 10 && x&0xFF < 10
		})
	case "mod10k":
		return undigits(l.Order.Arrange(w), 10000, func(x uint16) (uint64, bool) { return uint64(x), x < 10000 })
	case "bcd":
		v, err := ToBCD(l.Order.Arrange(w))
		return float64(v), err
	}
	return float64(u), nil
}
