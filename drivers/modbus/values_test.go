package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"fieldmq/drivers"
	sim "fieldmq/firmware-sim/words"
)

// onTheWire is the registers of a layout as bytes; the simulator shares no code with
// the driver.
func onTheWire(l sim.Layout, v float64) []byte {
	return inBytes(l.Encode(v))
}

func inBytes(words []uint16) []byte {
	var raw []byte
	for _, w := range words {
		raw = binary.BigEndian.AppendUint16(raw, w)
	}
	return raw
}

// TestEveryTypeInEveryOrder goes both ways for each type, order and length,
// against the layouts of the simulator.
func TestEveryTypeInEveryOrder(t *testing.T) {
	whole := func(f float64) drivers.Value { return drivers.Int(int64(f)) }
	float := drivers.Float
	for _, c := range []struct {
		of     Type
		length int
		value  func(float64) drivers.Value
		values []float64
	}{
		{Int16, 0, whole, []float64{0, 1, -1, 0x1234, math.MinInt16, math.MaxInt16}},
		{Uint16, 0, whole, []float64{0, 1, 0x1234, math.MaxUint16}},
		{Int32, 0, whole, []float64{0, 1, -1, 0x12345678, math.MinInt32, math.MaxInt32}},
		{Uint32, 0, whole, []float64{0, 1, 0x12345678, math.MaxUint32}},
		{Int64, 0, whole, []float64{0, -1, 0x123456789ABC, -0x123456789ABC}},
		{Uint64, 0, whole, []float64{0, 1, 0x123456789ABC}},
		{Float16, 0, float, []float64{0, 1, -1, 21.40625, -0.0078125, 65504, -65504, 6.103515625e-05}},
		{Float32, 0, float, []float64{0, 1, -1, 230.5, -0.0078125, 16777216}},
		{Float64, 0, float, []float64{0, 1, -230.1, 1e-9, 1e300}},
		{BCD, 1, whole, []float64{0, 7, 1234, 9999}},
		{BCD, 3, whole, []float64{0, 123456789012}},
		{UnpackedBCD, 2, whole, []float64{0, 7, 4711, 9999}},
		{Mod10k, 3, whole, []float64{0, 10000, 123456789012}},
		{SignInt16, 0, whole, []float64{0, 1, -1, 0x1234, -0x1234, math.MaxInt16, -math.MaxInt16}},
		{SignInt32, 0, whole, []float64{0, -1, 0x12345678, -0x12345678, math.MaxInt32, -math.MaxInt32}},
	} {
		for _, o := range []Order{ABCD, CDAB, BADC, DCBA} {
			for _, v := range c.values {
				t.Run(fmt.Sprintf("%v of %d in %v: %v", c.of, c.length, o, v), func(t *testing.T) {
					a := &Address{Holding: at0(0), Type: c.of, Length: c.length, Order: o}
					raw := onTheWire(sim.Layout{Type: c.of.String(), Order: sim.Order(o.String()), Length: c.length}, v)
					if got, err := decode(a, raw); err != nil || got != c.value(v) {
						t.Errorf("% X reads %v, %v", raw, got, err)
					}
					answer := append([]byte{0xAA, 0xBB, 0xCC, 0xDD}, raw...)
					a.Holding = at0(7)
					if p := newPart(a, 0, 5); !p.plain {
						t.Errorf("%+v is not plain", p)
					} else if got, err := p.number(answer); err != nil || got != c.value(v) {
						t.Errorf("% X reads %v, %v behind others", raw, got, err)
					}
					if got, err := encode(a, c.value(v)); err != nil || string(got) != string(raw) {
						t.Errorf("is written % X, %v; want % X", got, err, raw)
					}
				})
			}
		}
	}
}

// TestEveryLayoutOfStrings goes both ways, against the layouts of the simulator.
func TestEveryLayoutOfStrings(t *testing.T) {
	for _, o := range []Order{ABCD, CDAB, BADC, DCBA} {
		for _, chars := range []Chars{Both, High, Low} {
			for _, backwards := range []bool{false, true} {
				a := &Address{Holding: at0(0), Type: String, Length: 5, Order: o, Chars: chars, Backwards: backwards}
				layout := sim.Layout{Type: "string", Order: sim.Order(o.String()), Length: 5, Chars: chars.String(), Backwards: backwards}
				for _, text := range []string{"", "A", "AB", "M340", "SN-42"} {
					raw := inBytes(layout.EncodeText(text))
					if got, err := decode(a, raw); err != nil || got != drivers.Text(text) {
						t.Errorf("%v: % X reads %v, %v, want %q", layout, raw, got, err, text)
					}
					if got, err := encode(a, drivers.Text(text)); err != nil || string(got) != string(raw) {
						t.Errorf("%v: %q is written % X, %v; want % X", layout, text, got, err, raw)
					}
				}
			}
		}
	}
}

// TestEveryBitOfEveryInteger takes each bit, and fields at both ends, out of
// each type in each order, and puts them back where they were.
func TestEveryBitOfEveryInteger(t *testing.T) {
	const pattern uint64 = 0x8123456789ABCDEF
	for _, of := range []Type{Unset, Int16, Uint16, Int32, Uint32, Int64, Uint64} {
		for _, o := range []Order{ABCD, CDAB, BADC, DCBA} {
			at := &Address{Holding: at0(0), Type: of, Order: o}
			width := 16 * at.Count()
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], pattern<<(64-width)>>(64-width))
			raw := arrange(o, b[8-width/8:])
			for n := range width {
				one := *at
				one.Bit = &n
				want := drivers.Bool(pattern>>n&1 != 0)
				if got, err := decode(&one, raw); err != nil || got != want {
					t.Errorf("bit %d of %v in %v is %v, %v; want %v", n, of, o, got, err, want)
				}
				restored(t, &one, want, raw)
			}
			for _, r := range []Range{{0, 0}, {0, width - 1}, {width - 5, width - 1}, {3, 9}} {
				field := *at
				field.Bits = &r
				n := r.Last - r.First + 1
				bits := pattern >> r.First & mask(n)
				want := drivers.Uint(bits)
				if of.signed() && bits>>(n-1) == 1 {
					want = drivers.Int(int64(bits | ^mask(n)))
				}
				if got, err := decode(&field, raw); err != nil || got != want {
					t.Errorf("bits %v of %v in %v are %v, %v; want %v", r, of, o, got, err, want)
				}
				restored(t, &field, want, raw)
			}
		}
	}
}

// restored writes a part of a register into zeros, and must find its bits.
func restored(t *testing.T, a *Address, v drivers.Value, raw []byte) {
	t.Helper()
	part, err := encode(a, v)
	_, mask := a.mask()
	if err != nil || len(part) != len(raw) {
		t.Errorf("%v of %v: % X, %v", v, a.Type, part, err)
		return
	}
	for i := range raw {
		if part[i] != raw[i]&mask[i] {
			t.Errorf("%v is written % X in mask % X; the register holds % X", v, part, mask, raw)
			return
		}
	}
}

func TestEveryPowerOfTenScales(t *testing.T) {
	for e := -mostExponent; e <= mostExponent; e++ {
		for _, raw := range []int64{0, 1, -1, 12345, math.MaxInt32} {
			v, err := shifted(drivers.Int(raw), e)
			back, errBack := shifted(v, -e)
			want := fmt.Sprintf("%de%d", raw, e)
			var f float64
			fmt.Sscan(want, &f)
			if err != nil || errBack != nil || v != drivers.Float(f) || back != drivers.Float(float64(raw)) {
				t.Errorf("%s is %v, %v, and back %v, %v", want, v, err, back, errBack)
			}
		}
	}
	for _, word := range []uint16{0x8000, 11, 0xFFF5, 0x7FFF} {
		if _, err := exponent(binary.BigEndian.AppendUint16(nil, word)); err == nil {
			t.Errorf("0x%04X is an exponent", word)
		}
	}
}

// FuzzPoint decodes any registers as any point, which may not panic, and what
// can be written must read back.
func FuzzPoint(f *testing.F) {
	f.Add(uint8(3), uint8(0), uint8(0), int8(-1), []byte{0x43, 0x66, 0, 0})
	f.Add(uint8(11), uint8(3), uint8(2), int8(4), []byte("\xff\xff ab"))
	f.Add(uint8(13), uint8(1), uint8(1), int8(15), []byte{0x27, 0x0F, 0x27, 0x10})
	f.Add(uint8(13), uint8(0), uint8(0), int8(-1), []byte{0x80, 0x00})
	f.Add(uint8(15), uint8(2), uint8(9), int8(-1), []byte("cdab"))
	f.Fuzz(func(t *testing.T, of, order, layout uint8, bit int8, raw []byte) {
		a := &Address{Holding: at0(0), device: unitOf(newTCPSettings(), 1), Type: Type(of % uint8(len(types))), Order: Order(order % 4)}
		if len(raw) < 2 || len(raw) > 200 {
			return
		}
		raw = raw[:len(raw)/2*2]
		if a.Type == String || a.Type.decimal() {
			a.Length = len(raw) / 2
			a.Chars, a.Pad, a.Backwards = Chars(layout%3), Pad(layout%2), layout&8 != 0
		}
		if bit >= 0 {
			n := int(bit)
			a.Bit = &n
		}
		if a.Type != String {
			a.Chars, a.Pad, a.Backwards = Both, Nul, false
		}
		if a.Validate() != nil || 2*a.Count() > len(raw) {
			return
		}
		v, err := a.Decode(raw[:2*a.Count()])
		if err != nil {
			return
		}
		again, err := encode(a, v)
		if err != nil {
			if a.Type == String { // mended letters take more room
				return
			}
			t.Fatalf("%v reads %v of % X, which cannot be written: %v", a.Type, v, raw, err)
		}
		if back, err := decode(a, again); a.Type != String && (err != nil || back != v) {
			t.Errorf("%v: % X reads %v, is written % X and reads back %v, %v", a.Type, raw, v, again, back, err)
		}
	})
}
