package modbus

import "math"

// half is a number of half precision: a sign, five bits of exponent, ten of
// fraction. (IEEE 754-2008, 3.6)
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1F), float64(bits&0x3FF)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 0x1F:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 != 0 {
		return -f
	}
	return f
}

// halfBits is the nearest number of half precision; ok is false where there is
// none.
func halfBits(f float64) (bits uint16, ok bool) {
	if !finite(f) {
		return 0, false
	}
	var sign uint16
	if math.Signbit(f) {
		sign, f = 1<<15, -f
	}
	_, exponent := math.Frexp(f)
	last := max(exponent-11, -24) // the exponent of the last bit
	digits := math.RoundToEven(math.Ldexp(f, -last))
	if digits == 2048 {
		digits, last = 1024, last+1
	}
	switch {
	case last > 5:
		return 0, false
	case digits < 1024:
		return sign | uint16(digits), true
	}
	return sign | uint16(last+25)<<10 | uint16(digits-1024), true
}
