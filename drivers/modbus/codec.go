package modbus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"fieldmq/drivers"
)

// decode turns the registers of a point, as they came from the wire, into its
// value. raw has two bytes for each of the point's registers and is not
// changed. An error wraps drivers.ErrNoValue.
func decode(a *Address, raw []byte) (drivers.Value, error) {
	t := a.ValueType()
	if t == String {
		return drivers.Text(decodeText(a, raw)), nil
	}
	bits := integer(arrange(a.Order, raw))
	for _, s := range a.Invalid {
		if s.matches(t, bits, 8*len(raw)) {
			return drivers.Value{}, drivers.ErrNoValue
		}
	}
	if r, ok := a.field(); ok {
		bits = bits >> r.First & mask(r.Last-r.First+1)
	}
	return decodeNumber(t, bits)
}

func decodeNumber(t Type, bits uint64) (drivers.Value, error) {
	switch t {
	case Bool:
		return drivers.Bool(bits != 0), nil
	case Int16:
		return drivers.Int(int64(int16(bits))), nil
	case Int32:
		return drivers.Int(int64(int32(bits))), nil
	case Int64:
		return drivers.Int(int64(bits)), nil
	case Float32:
		f := math.Float32frombits(uint32(bits))
		if !finite(float64(f)) {
			return drivers.Value{}, drivers.ErrNoValue
		}
		return drivers.Float32(f), nil
	case Float64:
		f := math.Float64frombits(bits)
		if !finite(f) {
			return drivers.Value{}, drivers.ErrNoValue
		}
		return drivers.Float(f), nil
	case BCD:
		return decodeBCD(bits)
	}
	return drivers.Uint(bits), nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// arrange puts the bytes of a value into the order ABCD, or from it: each
// order is its own inverse.
func arrange(o Order, raw []byte) []byte {
	out := slices.Clone(raw)
	if o.swapsBytes() {
		swapBytes(out)
	}
	if o.lowWordFirst() {
		for i, j := 0, len(out)-2; i < j; i, j = i+2, j-2 {
			out[i], out[i+1], out[j], out[j+1] = out[j], out[j+1], out[i], out[i+1]
		}
	}
	return out
}

func swapBytes(b []byte) {
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
}

// integer reads up to eight bytes, the most significant first.
func integer(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// decodeBCD reads four decimal digits a register.
func decodeBCD(bits uint64) (drivers.Value, error) {
	var n int64
	for shift := 60; shift >= 0; shift -= 4 {
		digit := bits >> shift & 0xF
		if digit > 9 {
			return drivers.Value{}, fmt.Errorf("%w: 0x%X is not a BCD number", drivers.ErrNoValue, bits)
		}
		n = 10*n + int64(digit)
	}
	return drivers.Int(n), nil
}

// decodeText reads a string up to the first NUL, without the blanks that fill
// it up.
func decodeText(a *Address, raw []byte) string {
	text := slices.Clone(raw)
	if a.Order.swapsBytes() {
		swapBytes(text)
	}
	if a.Chars != Both {
		for i := 0; i < len(text)/2; i++ {
			text[i] = text[2*i+int(a.Chars-High)]
		}
		text = text[:len(text)/2]
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	return strings.ToValidUTF8(strings.TrimRight(string(text), " "), "\uFFFD")
}

// encode turns a value into the registers of a point, as they go on the wire.
// An error says why the point cannot hold the value. Parts of a register are
// encoded as the part alone, shifted to its place.
func encode(a *Address, v drivers.Value) ([]byte, error) {
	t := a.ValueType()
	if t == String {
		return encodeText(a, v)
	}
	bits, err := encodeNumber(a, t, v)
	if err != nil {
		return nil, err
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], bits)
	return arrange(a.Order, b[8-2*a.Count():]), nil
}

func encodeNumber(a *Address, t Type, v drivers.Value) (uint64, error) {
	if v.Kind() != drivers.KindBool && !v.IsNumber() {
		return 0, fmt.Errorf("%q is not a number", v)
	}
	if t.float() {
		return encodeFloat(t, v)
	}
	lowest, highest := int64(0), mask(16*a.Count())
	r, part := a.field()
	switch {
	case part:
		highest = mask(r.Last - r.First + 1)
	case t == Bool:
		highest = 1
	case t == BCD:
		highest = uint64(math.Pow10(4*a.Count())) - 1
	case t.signed():
		highest >>= 1
		lowest = -int64(highest) - 1
	}
	bits, err := whole(v, lowest, highest)
	switch {
	case err != nil:
		return 0, err
	case t == BCD:
		return encodeBCD(bits), nil
	}
	return bits & mask(16*a.Count()) << r.First, nil
}

// whole is an integer between two bounds, in two's complement. A number counts
// as an integer when only the arithmetic of scales keeps it from being one.
func whole(v drivers.Value, lowest int64, highest uint64) (uint64, error) {
	bits, negative := v.Uint(), v.Kind() == drivers.KindInt && v.Int() < 0
	if v.Kind() == drivers.KindFloat {
		f := v.Float()
		n := math.Round(f)
		if !finite(f) || math.Abs(f-n) > 1e-9*max(1, math.Abs(f)) {
			return 0, fmt.Errorf("%v is not a whole number", v)
		}
		if n < -1<<63 || n >= 1<<64 {
			return 0, fmt.Errorf("%v is not from %d to %d", v, lowest, highest)
		}
		if negative = n < 0; negative {
			bits = uint64(int64(n))
		} else {
			bits = uint64(n)
		}
	}
	if negative && int64(bits) < lowest || !negative && bits > highest {
		return 0, fmt.Errorf("%v is not from %d to %d", v, lowest, highest)
	}
	return bits, nil
}

func encodeFloat(t Type, v drivers.Value) (uint64, error) {
	f := v.Float()
	if t == Float64 && finite(f) {
		return math.Float64bits(f), nil
	}
	if single := float32(f); t == Float32 && finite(float64(single)) {
		return uint64(math.Float32bits(single)), nil
	}
	return 0, fmt.Errorf("%v does not fit %s", v, t)
}

func encodeBCD(n uint64) uint64 {
	var bits uint64
	for shift := 0; n > 0; shift += 4 {
		bits |= n % 10 << shift
		n /= 10
	}
	return bits
}

func encodeText(a *Address, v drivers.Value) ([]byte, error) {
	text := v.String()
	out := make([]byte, 2*a.Length)
	room, at := len(out), func(i int) int { return i }
	if a.Chars != Both {
		room, at = a.Length, func(i int) int { return 2*i + int(a.Chars-High) }
	}
	if len(text) > room {
		return nil, fmt.Errorf("%q is longer than %d characters", text, room)
	}
	for i := range len(text) {
		out[at(i)] = text[i]
	}
	if a.Order.swapsBytes() {
		swapBytes(out)
	}
	return out, nil
}
