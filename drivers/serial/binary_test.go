package serial

import (
	"errors"
	"math"
	"testing"

	"fieldmq/drivers"
)

// binaryAt is an address of a binary value.
func binaryAt(at int, kind string, set ...func(*Address)) *Address {
	return address(func(a *Address) {
		a.At, a.Type = &at, kind
		for _, s := range set {
			s(a)
		}
	})
}

func little(a *Address) { a.Order = "little" }

func length(n int) func(*Address) { return func(a *Address) { a.Length = n } }

func bit(n int) func(*Address) { return func(a *Address) { a.Bit = &n } }

func starts(h ...byte) func(*Address) { return func(a *Address) { a.Starts = h } }

func invalid(words ...string) func(*Address) { return func(a *Address) { a.Invalid = words } }

func TestBytesHoldValues(t *testing.T) {
	tests := map[string]struct {
		at    *Address
		frame string
		want  drivers.Value
	}{
		"reads a byte":              {binaryAt(1, ""), "\x00\xFE", drivers.Int(254)},
		"reads a byte from the end": {binaryAt(-1, "int8"), "\x00\xFE", drivers.Int(-2)},
		"reads 16 bits":             {binaryAt(0, "int16"), "\xFF\x9C", drivers.Int(-100)},
		"reads 16 bits backwards":   {binaryAt(0, "uint16", little), "\x9C\xFF", drivers.Int(0xFF9C)},
		"reads 32 bits":             {binaryAt(1, "int32"), "\x02\xFF\xFF\xFF\xFE", drivers.Int(-2)},
		"reads 32 bits unsigned":    {binaryAt(0, "uint32"), "\xFF\xFF\xFF\xFE", drivers.Int(math.MaxUint32 - 1)},
		"reads 64 bits":             {binaryAt(0, "int64"), "\x80\x00\x00\x00\x00\x00\x00\x00", drivers.Int(math.MinInt64)},
		"reads 64 bits unsigned":    {binaryAt(0, "uint64"), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", drivers.Uint(math.MaxUint64)},
		"reads a single":            {binaryAt(0, "float32"), "\x43\x66\x19\x9A", drivers.Float(230.1)},
		"reads a single backwards":  {binaryAt(0, "float32", little), "\x9A\x19\x66\x43", drivers.Float(230.1)},
		"reads a double":            {binaryAt(0, "float64"), "\x3F\xF8\x00\x00\x00\x00\x00\x00", drivers.Float(1.5)},
		"reads a bcd":               {binaryAt(0, "bcd", length(3)), "\x12\x34\x56", drivers.Int(123456)},
		"reads a bcd backwards":     {binaryAt(0, "bcd", length(2), little), "\x34\x12", drivers.Int(1234)},
		"reads a bcd of one byte":   {binaryAt(0, "bcd"), "\x42", drivers.Int(42)},
		"reads a string":            {binaryAt(1, "string", length(5)), "xab \x00\x00", drivers.Text("ab")},
		"reads a bit":               {binaryAt(0, "", bit(3)), "\x08", drivers.Bool(true)},
		"reads a high bit":          {binaryAt(0, "uint16", bit(15)), "\x7F\xFF", drivers.Bool(false)},
		"reads what starts well":    {binaryAt(1, "", starts(2)), "\x02\x05", drivers.Int(5)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := find(t, tt.at, tt.frame)
			if !ok || got.err != nil || got.value != tt.want {
				t.Errorf("got %v, %v, %v; want %v", got.value, got.err, ok, tt.want)
			}
		})
	}
}

func TestIntegersKeepToTheirBounds(t *testing.T) {
	for _, c := range []struct {
		at      *Address
		lowest  int64
		highest uint64
	}{
		{binaryAt(0, ""), 0, 255},
		{binaryAt(0, "int8"), -128, 127},
		{binaryAt(0, "uint16"), 0, 65535},
		{binaryAt(0, "int32"), math.MinInt32, math.MaxInt32},
		{binaryAt(0, "int64"), math.MinInt64, math.MaxInt64},
		{binaryAt(0, "uint64"), 0, math.MaxUint64},
		{binaryAt(0, "bcd"), 0, 99},
		{binaryAt(0, "bcd", length(3)), 0, 999999},
		{address(func(a *Address) { a.Type = "int" }), math.MinInt64, math.MaxUint64},
	} {
		if lowest, highest := c.at.Bounds(); lowest != c.lowest || highest != c.highest {
			t.Errorf("%v %s: %d to %d, want %d to %d", c.at, c.at.Type, lowest, highest, c.lowest, c.highest)
		}
	}
}

func TestPatternsMayMeanNoValue(t *testing.T) {
	tests := map[string]struct {
		at    *Address
		frame string
	}{
		"as a number":              {binaryAt(0, "int16", invalid("32767")), "\x7F\xFF"},
		"in hex":                   {binaryAt(0, "uint16", invalid("1", "0xFFFF")), "\xFF\xFF"},
		"as a fraction":            {binaryAt(0, "float64", invalid("-999.5")), "\xC0\x8F\x3C\x00\x00\x00\x00\x00"},
		"as a text":                {binaryAt(0, "string", length(3), invalid("n/a")), "n/a"},
		"as not a number":          {binaryAt(0, "float32"), "\x7F\xC0\x00\x00"},
		"as infinity":              {binaryAt(0, "float64"), "\xFF\xF0\x00\x00\x00\x00\x00\x00"},
		"as digits that are none":  {binaryAt(0, "bcd", length(2)), "\x12\xFF"},
		"as the low digit is none": {binaryAt(0, "bcd"), "\x1A"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := find(t, tt.at, tt.frame); !ok || !errors.Is(got.err, drivers.ErrNoValue) {
				t.Errorf("got %v, %v, %v", got.value, got.err, ok)
			}
		})
	}
}

func TestFrameThatIsTooShortHoldsNoValue(t *testing.T) {
	for _, a := range []*Address{binaryAt(3, "uint16"), binaryAt(-5, ""), binaryAt(4, ""), binaryAt(0, "", starts(9))} {
		if got, ok := find(t, a, "\x00\x01\x02\x03"); ok {
			t.Errorf("%s: got %v", a, got.value)
		}
	}
}

// FuzzBinary checks that whatever comes is a value of its kind, or a reason.
func FuzzBinary(f *testing.F) {
	for kind := range binaryTypes {
		f.Add(uint8(kind), 0, true, []byte("\x7F\xC0\x00\x00\xFF\xFF\xFF\xFF\x99"))
		f.Add(uint8(kind), -8, false, []byte("abcdefgh"))
	}
	f.Fuzz(func(t *testing.T, kind uint8, at int, backwards bool, frame []byte) {
		a := binaryAt(at, binaryTypes[int(kind)%len(binaryTypes)])
		if a.Type == "string" || a.Type == "bcd" {
			a.Length = int(kind)/16%maxBCD + 1
		}
		if backwards {
			little(a)
		}
		got, ok := binaryValue{a}.find(frame)
		checkReading(t, a, got, ok)
		if ok != (at >= 0 && at+a.width() <= len(frame) && at <= len(frame) || at < 0 && -at <= len(frame) && -at >= a.width()) {
			t.Errorf("%s in %d bytes: %v", a, len(frame), ok)
		}
	})
}

var binaryTypes = []string{"", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bcd", "string"}
