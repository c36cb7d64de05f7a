package mapping

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// fixed is scale and offset as integers: raw*mul + add is the value in ticks,
// units of its last decimal, and cut of them make one after rounding.
type fixed struct {
	mul, add, cut int64
	places        int  // decimals of a tick after rounding
	ok            bool // 64 bits hold all of these, and a one with so many decimals
}

func newFixed(scale, offset float64, round int) fixed {
	mul, scalePlaces := decimal(scale)
	add, offsetPlaces := decimal(offset)
	places := max(scalePlaces, offsetPlaces)
	mul, mulOK := shift(mul, places-scalePlaces)
	add, addOK := shift(add, places-offsetPlaces)
	_, placesOK := shift(1, places)
	f := fixed{mul: mul, add: add, cut: 1, places: places, ok: mulOK && addOK && placesOK}
	if round >= 0 && round < places {
		f.cut, _ = shift(1, places-round)
		f.places = round
	}
	return f
}

// ticks is the value of an integer; ok is false if it takes more than 62 bits.
func (f *fixed) ticks(raw int64) (ticks int64, ok bool) {
	size := math.Abs(float64(raw))*math.Abs(float64(f.mul)) + math.Abs(float64(f.add))
	if !f.ok || size >= 1<<62 {
		return 0, false
	}
	ticks = raw*f.mul + f.add
	if f.cut == 1 {
		return ticks, true
	}
	half := f.cut / 2
	if ticks < 0 {
		half = -half
	}
	return (ticks + half) / f.cut, true
}

// decimal is the integer and the number of decimals that make f in its fewest
// digits: 214 and 1 for 21.4.
func decimal(f float64) (coefficient int64, places int) {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	coefficient, _ = strconv.ParseInt(whole+fraction, 10, 64) // at most 17 digits
	tens, _ := strconv.Atoi(exponent)
	places = len(fraction) - tens
	if places < 0 {
		coefficient, _ = shift(coefficient, -places) // fits, as scale and offset are bounded
		places = 0
	}
	return coefficient, places
}

// shift is n times ten to the power of places; ok is false if that overflows.
func shift(n int64, places int) (shifted int64, ok bool) {
	for range places {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// appendTicks appends ticks as a decimal number in its fewest digits; there are
// at most 18 places.
func appendTicks(b []byte, ticks int64, places int) []byte {
	if places == 0 {
		return strconv.AppendInt(b, ticks, 10)
	}
	if ticks < 0 {
		b = append(b, '-')
		ticks = -ticks
	}
	one, _ := shift(1, places)
	from := len(b)
	b = strconv.AppendInt(b, ticks/one, 10)
	point := len(b)
	b = strconv.AppendInt(b, one+ticks%one, 10) // the leading 1 keeps the zeros, and its place
	b[point] = '.'
	return trim(b, from)
}

// trim takes zeros behind the point from the end of the number that begins at
// from, and the sign from a zero.
func trim(b []byte, from int) []byte {
	if bytes.IndexByte(b[from:], '.') >= 0 {
		b = bytes.TrimRight(b, "0")
		b = bytes.TrimSuffix(b, []byte{'.'})
	}
	if string(b[from:]) == "-0" {
		b = append(b[:from], '0')
	}
	return b
}
