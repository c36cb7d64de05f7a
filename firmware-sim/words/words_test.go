package words

import (
	"math"
	"slices"
	"testing"
)

// The vectors are worked out by hand or taken from manuals.
func TestValuesLieInRegistersAsManualsSay(t *testing.T) {
	for _, k := range []struct {
		name string
		got  []uint16
		want []uint16
	}{
		{"230.0 in an SDM630", Float32(230), []uint16{0x4366, 0x0000}},
		{"230.0 V in an EM24", Layout{Type: "int32", Order: CDAB}.Encode(2300), []uint16{0x08FC, 0x0000}},
		{"-10.0 Cel in an R4DCB08", Layout{Type: "int16"}.Encode(-100), []uint16{0xFF9C}},
		{"10.000 A in a PZEM", Layout{Type: "uint32", Order: CDAB}.Encode(10000), []uint16{0x2710, 0}},
		{"one as a double", Float64(1), []uint16{0x3FF0, 0, 0, 0}},
		{"minus one in 64 bits", Layout{Type: "int64"}.Encode(-1), []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}},
		{"digits", BCD(20260042, 2), []uint16{0x2026, 0x0042}},
		{"text", Text("FM-PLC01", 4), []uint16{0x464D, 0x2D50, 0x4C43, 0x3031}},
		{"short text", Text("A", 2), []uint16{0x4100, 0}},
		{"text with swapped bytes", Layout{Type: "string", Order: BADC, Length: 1}.EncodeText("AB"), []uint16{0x4241}},
		{"order BADC", BADC.Arrange([]uint16{0x0102, 0x0304}), []uint16{0x0201, 0x0403}},
		{"order DCBA", DCBA.Arrange([]uint16{0x0102, 0x0304}), []uint16{0x0403, 0x0201}},
		{"order CDAB of four words", CDAB.Arrange([]uint16{1, 2, 3, 4}), []uint16{4, 3, 2, 1}},
		{"a temperature too low for its type", Layout{Type: "int16"}.Encode(-1e9), []uint16{0x8000}},
		{"a count too high for its type", Layout{Type: "uint16"}.Encode(1e9), []uint16{0xFFFF}},
		{"a sum too high for its type", Layout{Type: "int32"}.Encode(1e12), []uint16{0x7FFF, 0xFFFF}},
		{"the highest of all", Layout{Type: "uint64"}.Encode(1e30), []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}},
		{"not a number", Layout{Type: "bcd", Length: 1}.Encode(-3), []uint16{0}},
	} {
		if !slices.Equal(k.got, k.want) {
			t.Errorf("%s: %04x, want %04x", k.name, k.got, k.want)
		}
	}
}

func TestWhatIsEncodedComesBack(t *testing.T) {
	for _, order := range []Order{"", ABCD, CDAB, BADC, DCBA} {
		for _, k := range []struct {
			typ string
			v   float64
		}{
			{"int16", -123}, {"uint16", 65000}, {"int32", -70000}, {"uint32", 4e9},
			{"int64", -1 << 40}, {"uint64", 1 << 40}, {"float32", 2.5}, {"float64", math.Pi}, {"bcd", 12345678},
		} {
			l := Layout{Type: k.typ, Order: order, Length: 2}
			got, err := l.Decode(l.Encode(k.v))
			if err != nil || got != k.v {
				t.Errorf("%s %s: %v, %v, want %v", k.typ, order, got, err, k.v)
			}
		}
	}
	if _, err := ToBCD([]uint16{0x00A0}); err == nil {
		t.Error("A is taken for a decimal digit")
	}
}

func TestLayoutNamesWhatItDoesNotKnow(t *testing.T) {
	if (Layout{Type: "int24"}).Check() == nil || (Layout{Type: "int16", Order: "ACBD"}).Check() == nil {
		t.Error("an unknown layout passes")
	}
	if err := (Layout{Type: "float32", Order: CDAB}).Check(); err != nil {
		t.Error(err)
	}
}
