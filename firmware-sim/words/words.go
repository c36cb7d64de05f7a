// Package words lays values out in 16-bit registers, as devices do.
package words

import (
	"fmt"
	"math"
	"slices"
)

// Float32 is an IEEE 754 single in two registers, high word first.
func Float32(v float64) []uint16 { return Uint(uint64(math.Float32bits(float32(v))), 2) }

// Float64 is an IEEE 754 double in four registers, high word first.
func Float64(v float64) []uint16 { return Uint(math.Float64bits(v), 4) }

// Uint is v in n registers, high word first; what does not fit is cut off.
// Negative numbers go in as two's complement.
func Uint(v uint64, n int) []uint16 {
	w := make([]uint16, n)
	for i := range w {
		w[n-1-i] = uint16(v)
		v >>= 16
	}
	return w
}

// ToUint undoes Uint.
func ToUint(w []uint16) uint64 {
	var v uint64
	for _, x := range w {
		v = v<<16 | uint64(x)
	}
	return v
}

// BCD is v in n registers of four decimal digits each, high word first;
// digits that do not fit are cut off.
func BCD(v uint64, n int) []uint16 {
	w := make([]uint16, n)
	for i := range w {
		for digit := range 4 {
			w[n-1-i] |= uint16(v%10) << (4 * digit)
			v /= 10
		}
	}
	return w
}

// ToBCD undoes BCD; it fails for a digit above nine.
func ToBCD(w []uint16) (uint64, error) {
	var v uint64
	for _, x := range w {
		for shift := 12; shift >= 0; shift -= 4 {
			digit := x >> shift & 0xF
			if digit > 9 {
				return 0, fmt.Errorf("%04x holds a digit above nine", x)
			}
			v = v*10 + uint64(digit)
		}
	}
	return v, nil
}

// Float16 is v in half precision, cut off after its ten bits; what is next to
// nothing becomes zero, and what is too large infinite.
func Float16(v float64) uint16 {
	single := math.Float32bits(float32(v))
	sign, exponent, fraction := uint16(single>>31)<<15, int(single>>23&0xFF)-127+15, uint16(single>>13&0x3FF)
	switch {
	case exponent <= 0:
		return sign
	case exponent >= 31:
		return sign | 0x7C00
	}
	return sign | uint16(exponent)<<10 | fraction
}

// FromFloat16 undoes Float16.
func FromFloat16(w uint16) float64 {
	if w&0x7C00 == 0 {
		return 0
	}
	single := uint32(w>>15)<<31 | (uint32(w>>10&0x1F)+127-15)<<23 | uint32(w&0x3FF)<<13
	return float64(math.Float32frombits(single))
}

// Text is s in n registers, two characters each, the first one in the high
// byte; it is cut or filled up with zero bytes.
func Text(s string, n int) []uint16 {
	b := make([]byte, 2*n)
	copy(b, s)
	w := make([]uint16, n)
	for i := range w {
		w[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return w
}

// Order is the order of bytes in registers, by what becomes of the bytes
// A B C D of a 32-bit value. Longer values follow the same rule.
type Order string

// The four orders. The empty Order is ABCD.
const (
	ABCD Order = "ABCD" // high word first
	CDAB Order = "CDAB" // low word first
	BADC Order = "BADC" // high word first, bytes of each word swapped
	DCBA Order = "DCBA" // low word first, bytes of each word swapped
)

// Arrange returns words in ABCD laid out in the order, or the reverse, which
// is the same.
func (o Order) Arrange(w []uint16) []uint16 {
	w = slices.Clone(w)
	if o == CDAB || o == DCBA {
		slices.Reverse(w)
	}
	return o.swap(w)
}

// swap exchanges the bytes of each word if the order asks for it.
func (o Order) swap(w []uint16) []uint16 {
	if o == BADC || o == DCBA {
		for i, x := range w {
			w[i] = x<<8 | x>>8
		}
	}
	return w
}
