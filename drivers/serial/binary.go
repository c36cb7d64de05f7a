package serial

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"fieldmq/drivers"
)

// maxBCD is the number of bytes of the longest number in BCD that an int64
// holds: 18 digits.
const maxBCD = 9

// width is the number of bytes of a binary value.
func (a *Address) width() int {
	switch a.Type {
	case "int16", "uint16":
		return 2
	case "int32", "uint32", "float32":
		return 4
	case "int64", "uint64", "float64":
		return 8
	case "string", "bcd":
		return max(1, a.Length)
	}
	return 1
}

// Bounds are the least and the largest integer that the point can hold; in text
// those of 64 bits.
func (a *Address) Bounds() (lowest int64, highest uint64) {
	bits := 8 * a.width()
	switch kind := a.kind(); {
	case a.At == nil:
		return math.MinInt64, math.MaxUint64
	case kind == "bcd":
		return 0, uint64(math.Pow10(bits/4)) - 1
	case strings.HasPrefix(kind, "int"):
		return -1 << (bits - 1), 1<<(bits-1) - 1
	}
	return 0, 1<<bits - 1
}

// place is the first byte of the value in a frame of a length; it fails if the
// frame is too short.
func (a *Address) place(length int) (at int, ok bool) {
	at = fromEnd(*a.At, length)
	return at, at >= 0 && at <= length-a.width()
}

// binaryValue finds a point's value in binary frames.
type binaryValue struct{ *Address }

func (b binaryValue) find(frame []byte) (reading, bool) {
	at, ok := b.place(len(frame))
	if !ok || !bytes.HasPrefix(frame, b.Starts) {
		return reading{}, false
	}
	value, err := b.decode(frame[at : at+b.width()])
	if err == nil && b.invalid(value) {
		err = drivers.ErrNoValue
	}
	return reading{value, err}, true
}

func (b binaryValue) decode(raw []byte) (drivers.Value, error) {
	switch b.Type {
	case "string":
		return drivers.Text(printable(strings.Trim(string(raw), " \x00"))), nil
	case "bcd":
		return decodeBCD(b.big(raw))
	}
	bits := uint64(0)
	for _, c := range b.big(raw) {
		bits = bits<<8 | uint64(c)
	}
	if b.Bit != nil {
		return drivers.Bool(bits>>*b.Bit&1 == 1), nil
	}
	return b.number(bits)
}

// big is the value with its highest byte first.
func (b binaryValue) big(raw []byte) []byte {
	if b.Order != "little" {
		return raw
	}
	turned := slices.Clone(raw)
	slices.Reverse(turned)
	return turned
}

func (b binaryValue) number(bits uint64) (drivers.Value, error) {
	switch b.Type {
	case "int8":
		return drivers.Int(int64(int8(bits))), nil
	case "int16":
		return drivers.Int(int64(int16(bits))), nil
	case "int32":
		return drivers.Int(int64(int32(bits))), nil
	case "int64":
		return drivers.Int(int64(bits)), nil
	case "float32":
		f := math.Float32frombits(uint32(bits))
		return finite(float64(f), drivers.Float32(f))
	case "float64":
		f := math.Float64frombits(bits)
		return finite(f, drivers.Float(f))
	}
	return drivers.Uint(bits), nil
}

// finite is v unless f is infinite or not a number.
func finite(f float64, v drivers.Value) (drivers.Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return drivers.Value{}, drivers.ErrNoValue
	}
	return v, nil
}

func decodeBCD(raw []byte) (drivers.Value, error) {
	n := int64(0)
	for _, c := range raw {
		high, low := c>>4, c&0xF
		if high > 9 || low > 9 {
			return drivers.Value{}, drivers.ErrNoValue // filled with F, as a rule
		}
		n = n*100 + int64(high)*10 + int64(low)
	}
	return drivers.Int(n), nil
}

// invalid says whether a value is one of those that mean none.
func (b binaryValue) invalid(v drivers.Value) bool {
	return slices.ContainsFunc(b.Invalid, func(word string) bool {
		word = strings.TrimSpace(word)
		if n, err := strconv.ParseInt(word, 0, 64); err == nil && v.IsNumber() {
			return v.Float() == float64(n)
		}
		if f, err := strconv.ParseFloat(word, 64); err == nil && v.IsNumber() {
			return v.Float() == f
		}
		return v.String() == word
	})
}
