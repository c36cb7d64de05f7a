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
		return decodeText(a, raw)
	}
	bits := a.Order.integer(raw)
	for _, s := range a.Invalid {
		if s.matches(t, bits, 8*len(raw)) {
			return drivers.Value{}, drivers.ErrNoValue
		}
	}
	if r, ok := a.field(); ok {
		return decodePart(t, bits>>r.First, r.Last-r.First+1)
	}
	return decodeNumber(t, bits)
}

// decodePart reads the lowest bits, of which a signed type has its sign in the
// highest.
func decodePart(t Type, bits uint64, width int) (drivers.Value, error) {
	switch {
	case t == Bool:
		return drivers.Bool(bits&mask(width) != 0), nil
	case t.signed():
		return drivers.Int(int64(bits<<(64-width)) >> (64 - width)), nil
	}
	return drivers.Uint(bits & mask(width)), nil
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
	case Float16:
		f := half(uint16(bits))
		if !finite(f) {
			return drivers.Value{}, drivers.ErrNoValue
		}
		return drivers.Float(f), nil
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
	case SignInt16, SignInt32:
		return decodeMagnitude(bits, 16*types[t].words), nil
	case BCD:
		return decodeDigits(bits, 4, 10)
	case UnpackedBCD:
		return decodeDigits(bits, 8, 10)
	case Mod10k:
		return decodeDigits(bits, 16, 10000)
	}
	return drivers.Uint(bits), nil
}

// decodeMagnitude reads a sign in the highest of so many bits, and a size in the
// others.
func decodeMagnitude(bits uint64, width int) drivers.Value {
	size := int64(bits & mask(width-1))
	if bits>>(width-1) != 0 {
		return drivers.Int(-size)
	}
	return drivers.Int(size)
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

// integer reads up to four registers.
func (o Order) integer(raw []byte) uint64 {
	var n uint64
	for i := 0; i+1 < len(raw); i += 2 {
		at := i
		if o.lowWordFirst() {
			at = len(raw) - 2 - i
		}
		high, low := raw[at], raw[at+1]
		if o.swapsBytes() {
			high, low = low, high
		}
		n = n<<16 | uint64(high)<<8 | uint64(low)
	}
	return n
}

// decodeDigits reads digits of so many bits each, the most significant first.
func decodeDigits(bits uint64, width, base int) (drivers.Value, error) {
	var n int64
	for shift := 64 - width; shift >= 0; shift -= width {
		digit := int64(bits >> shift & mask(width))
		if digit >= int64(base) {
			return drivers.Value{}, fmt.Errorf("%w: 0x%X holds a digit above %d", drivers.ErrNoValue, bits, base-1)
		}
		n = int64(base)*n + digit
	}
	return drivers.Int(n), nil
}

// blank are the bytes that fill up strings.
const blanks = " \x00"

// decodeText reads a string up to the first NUL, without what fills it up on
// either side. All bits set say that there is none.
func decodeText(a *Address, raw []byte) (drivers.Value, error) {
	text := slices.Clone(raw)
	if a.Order.swapsBytes() {
		swapBytes(text)
	}
	if a.Backwards {
		text = arrange(CDAB, text)
	}
	if a.Chars != Both {
		for i := 0; i < len(text)/2; i++ {
			text[i] = text[2*i+int(a.Chars-High)]
		}
		text = text[:len(text)/2]
	}
	if len(bytes.Trim(text, "\xFF")) == 0 {
		return drivers.Value{}, drivers.ErrNoValue
	}
	text = bytes.TrimLeft(text, blanks)
	text, _, _ = bytes.Cut(text, []byte{0})
	return drivers.Text(strings.ToValidUTF8(string(trimEnd(text)), "\uFFFD")), nil
}

// trimEnd takes off what devices fill up text with.
func trimEnd(text []byte) []byte {
	for len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == 0xFF) {
		text = text[:len(text)-1]
	}
	return text
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
	lowest, highest := a.Bounds()
	within := highest
	if t.signed() {
		within = highest<<1 | 1 // with the sign
	}
	r, _ := a.field()
	bits, err := whole(v, lowest, highest)
	switch {
	case err != nil:
		return 0, err
	case t.magnitude() && int64(bits) < 0:
		return -bits | (highest + 1), nil
	case t == BCD:
		return encodeDigits(bits, 4, 10), nil
	case t == UnpackedBCD:
		return encodeDigits(bits, 8, 10), nil
	case t == Mod10k:
		return encodeDigits(bits, 16, 10000), nil
	}
	return bits & within << r.First, nil
}

// Holds implements drivers.Holder. What a scale register makes of a value only the
// device knows.
func (a *Address) Holds(v drivers.Value) error {
	if a.ScaleRegister != nil || a.Kind() == drivers.KindBool {
		return nil
	}
	_, err := encode(a, v)
	return err
}

// Rounded implements drivers.Rounder. What cannot be written stays as it is.
func (a *Address) Rounded(f float64) float64 {
	if a.ScaleRegister != nil {
		return f
	}
	raw, err := encode(a, drivers.Float(f))
	if err != nil {
		return f
	}
	v, err := decode(a, raw)
	if err != nil || v.Kind() != drivers.KindFloat {
		return f
	}
	return v.Float()
}

// Bounds are the least and the largest integer that the point can hold.
func (a *Address) Bounds() (lowest int64, highest uint64) {
	t := a.ValueType()
	r, part := a.field()
	switch {
	case part:
		highest = mask(r.Last - r.First + 1)
	case t == Bool:
		highest = 1
	case t == UnpackedBCD:
		highest = uint64(math.Pow10(2*a.Count())) - 1
	case t.decimal():
		highest = uint64(math.Pow10(4*a.Count())) - 1
	default:
		highest = mask(16 * a.Count())
	}
	switch {
	case t.signed():
		highest >>= 1
		lowest = -int64(highest) - 1
	case t.magnitude():
		highest >>= 1
		lowest = -int64(highest)
	}
	return lowest, highest
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
	if bits, ok := halfBits(f); t == Float16 && ok {
		return uint64(bits), nil
	}
	if single := float32(f); t == Float32 && finite(float64(single)) {
		return uint64(math.Float32bits(single)), nil
	}
	return 0, fmt.Errorf("%v does not fit %s", v, t)
}

func encodeDigits(n uint64, width int, base uint64) uint64 {
	var bits uint64
	for shift := 0; n > 0; shift += width {
		bits |= n % base << shift
		n /= base
	}
	return bits
}

func encodeText(a *Address, v drivers.Value) ([]byte, error) {
	text := v.String()
	out := make([]byte, 2*a.Length)
	fill := byte(0)
	if a.Pad == Blank {
		fill = ' '
	}
	room, at := len(out), func(i int) int { return i }
	if a.Chars != Both {
		room, at = a.Length, func(i int) int { return 2*i + int(a.Chars-High) }
	}
	if len(text) > room {
		return nil, fmt.Errorf("%q is longer than %d characters", text, room)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%q has a NUL in it, at which it would end", text)
	}
	for i := range room {
		out[at(i)] = fill
		if i < len(text) {
			out[at(i)] = text[i]
		}
	}
	if a.Order.swapsBytes() {
		swapBytes(out)
	}
	if a.Backwards {
		out = arrange(CDAB, out)
	}
	return out, nil
}
