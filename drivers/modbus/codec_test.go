package modbus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"fieldmq/drivers"
)

// sentinels reads patterns as the YAML would.
func sentinels(t testing.TB, texts ...string) []Sentinel {
	t.Helper()
	list := make([]Sentinel, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRegistersBecomeValues(t *testing.T) {
	none := drivers.Value{}
	tests := map[string]struct {
		at   Address
		raw  string
		want drivers.Value // none: no value
	}{
		// Of devices, as their manuals and users have them.
		"reads SDM630 volts":             {Address{Type: Float32}, "4366 0000", drivers.Float(230)},
		"reads EM24 volts":               {Address{Type: Int32, Order: CDAB}, "08FC 0000", drivers.Int(2300)},
		"reads EM24 volts in ABCD wrong": {Address{Type: Int32}, "08FC 0000", drivers.Int(150732800)},
		"reads PZEM milliamperes":        {Address{Type: Uint32, Order: CDAB}, "2710 0000", drivers.Int(10000)},
		"reads R4DCB08 below zero":       {Address{Type: Int16, Invalid: sentinels(t, "0x8000")}, "FF9C", drivers.Int(-100)},
		"reads R4DCB08 without a sensor": {Address{Type: Int16, Invalid: sentinels(t, "0x8000")}, "8000", none},
		"reads ABB power that is absent": {Address{Type: Int32, Invalid: sentinels(t, "0x7FFFFFFF")}, "7FFF FFFF", none},
		"reads ABB energy that is absent": {Address{Type: Uint64, Invalid: sentinels(t, "0xFFFFFFFFFFFFFFFF")},
			"FFFF FFFF FFFF FFFF", none},
		"reads SunSpec counters that are absent": {Address{Type: Uint32, Invalid: sentinels(t, "0x00000000")}, "0000 0000", none},
		"reads PM5110 NaN":                       {Address{Type: Float32}, "FFC0 0000", none},
		"reads DTSU666 volts":                    {Address{Type: Float32}, "450F D000", drivers.Float(2301)},

		"reads the lowest int16":    {Address{Type: Int16}, "8000", drivers.Int(-32768)},
		"reads the highest uint16":  {Address{}, "FFFF", drivers.Int(65535)},
		"reads swapped bytes":       {Address{Order: BADC}, "3412", drivers.Int(0x1234)},
		"reads 16 bits in DCBA":     {Address{Order: DCBA}, "3412", drivers.Int(0x1234)},
		"reads 16 bits in CDAB":     {Address{Order: CDAB}, "1234", drivers.Int(0x1234)},
		"reads 32 bits in ABCD":     {Address{Type: Uint32}, "1234 5678", drivers.Int(0x12345678)},
		"reads 32 bits in CDAB":     {Address{Type: Uint32, Order: CDAB}, "5678 1234", drivers.Int(0x12345678)},
		"reads 32 bits in BADC":     {Address{Type: Uint32, Order: BADC}, "3412 7856", drivers.Int(0x12345678)},
		"reads 32 bits in DCBA":     {Address{Type: Uint32, Order: DCBA}, "7856 3412", drivers.Int(0x12345678)},
		"reads 64 bits in CDAB":     {Address{Type: Int64, Order: CDAB}, "DEF0 9ABC 5678 1234", drivers.Int(0x123456789ABCDEF0)},
		"reads 64 bits in DCBA":     {Address{Type: Int64, Order: DCBA}, "F0DE BC9A 7856 3412", drivers.Int(0x123456789ABCDEF0)},
		"reads the lowest int64":    {Address{Type: Int64}, "8000 0000 0000 0000", drivers.Int(math.MinInt64)},
		"reads the highest uint64":  {Address{Type: Uint64}, "FFFF FFFF FFFF FFFF", drivers.Uint(math.MaxUint64)},
		"reads float64":             {Address{Type: Float64}, "406C C333 3333 3333", drivers.Float(230.1)},
		"reads float32 in few":      {Address{Type: Float32}, "4366 199A", drivers.Float(230.1)},
		"reads infinity as nothing": {Address{Type: Float32}, "7F80 0000", none},
		"reads infinite doubles":    {Address{Type: Float64}, "FFF0 0000 0000 0000", none},

		"takes a decimal for the value":   {Address{Type: Int16, Invalid: sentinels(t, "-32768")}, "8000", none},
		"takes a decimal of floats":       {Address{Type: Float32, Invalid: sentinels(t, "-999.9")}, "C479 F99A", none},
		"takes a whole decimal of floats": {Address{Type: Float32, Invalid: sentinels(t, "-9999")}, "C61C 3C00", none},
		"takes bits in the value's order": {Address{Type: Uint32, Order: CDAB, Invalid: sentinels(t, "0x12345678")}, "5678 1234", none},
		"takes one of several":            {Address{Invalid: sentinels(t, "65534", "65535")}, "FFFF", none},
		"takes no other":                  {Address{Invalid: sentinels(t, "65534", "65535")}, "FFFD", drivers.Int(65533)},

		"reads the lowest bit":  {Address{Bit: new(int)}, "0001", drivers.Bool(true)},
		"reads the highest bit": {Address{Bit: ptr(15)}, "8000", drivers.Bool(true)},
		"reads a bit that is 0": {Address{Bit: ptr(3)}, "FFF7", drivers.Bool(false)},
		"reads a field":         {Address{Bits: &Range{4, 7}}, "1234", drivers.Int(3)},
		"reads the whole field": {Address{Bits: &Range{0, 15}}, "1234", drivers.Int(0x1234)},
		"reads no field of an invalid register": {Address{Bits: &Range{4, 7}, Invalid: sentinels(t, "0xFFFF")},
			"FFFF", none},
		"reads a register as bool": {Address{Type: Bool}, "0100", drivers.Bool(true)},

		"reads bcd":            {Address{Type: BCD}, "1234", drivers.Int(1234)},
		"reads long bcd":       {Address{Type: BCD, Length: 4}, "9999 9999 9999 9999", drivers.Int(9999999999999999)},
		"reads bcd of letters": {Address{Type: BCD}, "12A4", none},

		"reads a string":               {Address{Type: String, Length: 3}, "4142 4320 2020", drivers.Text("ABC")},
		"reads up to the NUL":          {Address{Type: String, Length: 2}, "4100 4243", drivers.Text("A")},
		"reads swapped strings":        {Address{Type: String, Length: 2, Order: BADC}, "4241 0043", drivers.Text("ABC")},
		"reads strings in CDAB":        {Address{Type: String, Length: 2, Order: CDAB}, "4142 4344", drivers.Text("ABCD")},
		"reads upper bytes":            {Address{Type: String, Length: 2, Chars: High}, "4100 4200", drivers.Text("AB")},
		"reads halves that are absent": {Address{Type: Float16, Invalid: sentinels(t, "-999.9")}, "E3D0", none},
		"reads half precision":         {Address{Type: Float16}, "4D5A", drivers.Float(21.40625)},
		"reads the least of halves":    {Address{Type: Float16}, "8001", drivers.Float(-math.Ldexp(1, -24))},
		"reads backwards":              {Address{Type: String, Length: 2, Backwards: true}, "4300 4142", drivers.Text("ABC")},
		"reads a negative size":        {Address{Type: SignInt32}, "8000 0064", drivers.Int(-100)},
		"reads no negative zero":       {Address{Type: SignInt16}, "8000", drivers.Int(0)},
		"reads lower bytes":            {Address{Type: String, Length: 2, Chars: Low}, "0041 0042", drivers.Text("AB")},
		"reads letters in UTF-8":       {Address{Type: String, Length: 2}, "C3A4 0000", drivers.Text("ä")},
		"reads noise as text":          {Address{Type: String, Length: 1}, "FF41", drivers.Text("\uFFFDA")},
		"reads an empty string":        {Address{Type: String, Length: 1}, "0000", drivers.Text("")},
		"reads blanks as empty":        {Address{Type: String, Length: 1}, "2020", drivers.Text("")},
		"reads blanks in between":      {Address{Type: String, Length: 2}, "4120 4200", drivers.Text("A B")},
		"reads one letter of each":     {Address{Type: String, Length: 2, Chars: Low, Order: BADC}, "4100 4200", drivers.Text("AB")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.at.Holding = new(uint16)
			raw := unhex(t, tt.raw)
			got, err := decode(&tt.at, raw)
			if tt.want == none {
				if !errors.Is(err, drivers.ErrNoValue) {
					t.Errorf("got %v, %v; want no value", got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
			if !bytes.Equal(raw, unhex(t, tt.raw)) {
				t.Error("the registers were changed")
			}
		})
	}
}

func ptr(n int) *int { return &n }

func TestValuesBecomeRegisters(t *testing.T) {
	tests := map[string]struct {
		at    Address
		value drivers.Value
		want  string // hexadecimal, or why not
	}{
		"writes negative integers":      {Address{Type: Int16}, drivers.Int(-5), "FFFB"},
		"writes a number that is whole": {Address{Type: Int16}, drivers.Float(215), "00D7"},
		"forgives the scale's rounding": {Address{Type: Int16}, drivers.Float(21.5 / 0.1), "00D7"},
		"writes a switch as a word":     {Address{Type: Uint16}, drivers.Bool(true), "0001"},
		"writes low words first":        {Address{Type: Uint32, Order: CDAB}, drivers.Int(0x12345678), "5678 1234"},
		"writes the lowest int64":       {Address{Type: Int64}, drivers.Int(math.MinInt64), "8000 0000 0000 0000"},
		"writes the highest uint64":     {Address{Type: Uint64}, drivers.Uint(math.MaxUint64), "FFFF FFFF FFFF FFFF"},
		"writes float32":                {Address{Type: Float32}, drivers.Float(230.1), "4366 199A"},
		"writes integers as float32":    {Address{Type: Float32}, drivers.Int(230), "4366 0000"},
		"writes float64":                {Address{Type: Float64}, drivers.Float(230.1), "406C C333 3333 3333"},
		"writes bcd":                    {Address{Type: BCD, Length: 2}, drivers.Int(123456), "0012 3456"},
		"writes a bit at its place":     {Address{Bit: ptr(3)}, drivers.Bool(true), "0008"},
		"writes a field at its place":   {Address{Bits: &Range{4, 7}}, drivers.Int(0xA), "00A0"},
		"writes a string with NULs":     {Address{Type: String, Length: 2}, drivers.Text("ABC"), "4142 4300"},
		"writes upper bytes":            {Address{Type: String, Length: 2, Chars: High}, drivers.Text("AB"), "4100 4200"},
		"writes half precision":         {Address{Type: Float16}, drivers.Float(21.4), "4D5A"},
		"writes the nearest half":       {Address{Type: Float16}, drivers.Float(65519), "7BFF"},
		"writes the least of halves":    {Address{Type: Float16}, drivers.Float(3e-8), "0001"},
		"writes strings backwards":      {Address{Type: String, Length: 2, Backwards: true}, drivers.Text("ABC"), "4300 4142"},
		"writes a sign and a size":      {Address{Type: SignInt16}, drivers.Int(-100), "8064"},
		"writes swapped strings":        {Address{Type: String, Length: 2, Order: BADC}, drivers.Text("ABC"), "4241 0043"},

		"refuses what a sign leaves no room for": {Address{Type: SignInt16}, drivers.Int(-32768), "-32768 is not from -32767 to 32767"},
		"refuses what is too high":               {Address{Type: Int16}, drivers.Int(32768), "32768 is not from -32768 to 32767"},
		"refuses what is too low":                {Address{Type: Uint16}, drivers.Int(-1), "-1 is not from 0 to 65535"},
		"refuses a huge number":                  {Address{Type: Int64}, drivers.Float(1e30), "1e+30 is not from -9223372036854775808 to 9223372036854775807"},
		"refuses a counter in int64":             {Address{Type: Int64}, drivers.Uint(math.MaxUint64), "18446744073709551615 is not from -9223372036854775808 to 9223372036854775807"},
		"refuses halves":                         {Address{Type: Int16}, drivers.Float(0.5), "0.5 is not a whole number"},
		"refuses NaN":                            {Address{Type: Float32}, drivers.Float(math.NaN()), "NaN does not fit float32"},
		"refuses what float16 cannot hold":       {Address{Type: Float16}, drivers.Float(65520), "65520 does not fit float16"},
		"refuses what float32 cannot hold":       {Address{Type: Float32}, drivers.Float(1e39), "1e+39 does not fit float32"},
		"refuses text for numbers":               {Address{Type: Uint16}, drivers.Text("on"), `"on" is not a number`},
		"refuses a number for a switch":          {Address{Bit: ptr(0)}, drivers.Int(2), "2 is not from 0 to 1"},
		"refuses a field's overflow":             {Address{Bits: &Range{4, 7}}, drivers.Int(16), "16 is not from 0 to 15"},
		"refuses long bcd":                       {Address{Type: BCD}, drivers.Int(10000), "10000 is not from 0 to 9999"},
		"refuses strings that end early":         {Address{Type: String, Length: 2}, drivers.Text("A\x00B"), `"A\x00B" has a NUL in it, at which it would end`},
		"refuses long strings":                   {Address{Type: String, Length: 1}, drivers.Text("ABC"), `"ABC" is longer than 2 characters`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.at.Holding = new(uint16)
			got, err := encode(&tt.at, tt.value)
			if strings.HasPrefix(name, "refuses") {
				if err == nil || err.Error() != tt.want {
					t.Errorf("got % X, %v; want %s", got, err, tt.want)
				}
				return
			}
			if err != nil || !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("got % X, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestEveryValueSurvivesEveryOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for typ := Int16; typ <= Float64; typ++ {
		for order := ABCD; order <= DCBA; order++ {
			a := &Address{Holding: new(uint16), Type: typ, Order: order}
			for range 200 {
				raw := make([]byte, 2*a.Count())
				for i := range raw {
					raw[i] = byte(random.Uint32())
				}
				v, err := decode(a, raw)
				if errors.Is(err, drivers.ErrNoValue) {
					continue // NaN
				}
				back, err := encode(a, v)
				if err != nil || !bytes.Equal(back, raw) {
					t.Fatalf("%v %v: % X became %v, and that % X, %v", typ, order, raw, v, back, err)
				}
			}
		}
	}
}

// FuzzDecode looks for registers that no point can be made of, and for values
// that do not survive being written and read.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x43, 0x66, 0, 0}, uint8(Float32), uint8(ABCD), uint8(0), uint8(0))
	f.Add([]byte("AB\x00\xff"), uint8(String), uint8(BADC), uint8(2), uint8(1))
	f.Add([]byte{0x99, 0x99}, uint8(BCD), uint8(0), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, typ, order, length, chars uint8) {
		a := &Address{
			Holding: new(uint16),
			Type:    1 + Type(typ)%String,
			Order:   Order(order) % 4,
			Chars:   Chars(chars) % 3,
		}
		switch a.Type {
		case String:
			a.Length = 1 + int(length)%100
		case BCD:
			a.Length = 1 + int(length)%4
		}
		if len(raw) < 2*a.Count() {
			return
		}
		v, err := decode(a, raw[:2*a.Count()])
		if err != nil || a.Type == Bool || v.String() != strings.ToValidUTF8(v.String(), "") || strings.Contains(v.String(), "\uFFFD") {
			return
		}
		back, err := encode(a, v)
		if err != nil {
			t.Fatalf("%v cannot be written as %v: %v", v, a.Type, err)
		}
		if again, err := decode(a, back); err != nil || again != v {
			t.Errorf("%v became %v, %v", v, again, err)
		}
	})
}

func TestNumbersAreRoundedToTheirType(t *testing.T) {
	for _, c := range []struct {
		at      Address
		f, want float64
	}{
		{Address{Type: Float32}, 16777217, 16777216},
		{Address{Type: Float32}, 230.1, 230.1},
		{Address{Type: Float32}, 0.123456789, 0.12345679},
		{Address{Type: Float32}, 1e39, 1e39}, // it is refused when it is written
		{Address{Type: Float64}, 0.123456789, 0.123456789},
		{Address{Type: Float16}, 1.50001, 1.5},
		{Address{Type: Float32, ScaleRegister: ptr(5)}, 16777217, 16777217},
	} {
		if got := c.at.Rounded(c.f); got != c.want {
			t.Errorf("%v of %v: %v, want %v", c.f, c.at.Type, got, c.want)
		}
	}
}
