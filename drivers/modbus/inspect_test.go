package modbus

import (
	"bytes"
	"slices"
	"testing"

	"fieldmq/drivers"
)

func TestInspectShowsWhatWasOnTheWire(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception {
		if touches(r, 30) {
			return 2
		}
		return 0
	})
	m.registers[10], m.registers[11], m.registers[5] = 0x4366, 0x8000, 1
	d := unitOf(newTCPSettings(), 1)
	points := []*drivers.Point{
		point(d, "voltage", holding(10, Float32)), point(d, "bad", holding(30, Uint16)), point(d, "on", coil(5)), point(d, "off", coil(6)),
	}
	samples, raw, err := bus.Inspect(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{{0x43, 0x66, 0x80, 0x00}, nil, {1}, {0}} {
		if !bytes.Equal(raw[i], want) || (raw[i] == nil) != (samples[i].Err != nil) {
			t.Errorf("%v: % X, %v, want % X", points[i], raw[i], samples[i].Err, want)
		}
	}
	if samples[0].Value != drivers.Float(230.5) {
		t.Errorf("voltage %v", samples[0].Value)
	}
}

func TestRegistersReadAsOtherTypes(t *testing.T) {
	d := unitOf(newTCPSettings(), 1)
	at := point(d, "x", holding(0, Float32)).At.(*Address)
	raw := []byte{0x08, 0xFC, 0x00, 0x00}
	for _, c := range []struct {
		t    Type
		o    Order
		want string
	}{
		{Uint32, ABCD, "150732800"},
		{Uint32, CDAB, "2300"},
		{Int32, DCBA, "64520"},
		{BCD, CDAB, ""},
	} {
		v, err := at.As(c.t, c.o).Decode(raw)
		if v.String() != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%v %v: %v, %v, want %s", c.t, c.o, v, err, c.want)
		}
	}
	if _, err := at.Decode(raw[:3]); err == nil {
		t.Error("three bytes are taken for two registers")
	}
	for n := range 6 {
		often, seldom := Types(n)
		for _, typ := range slices.Concat(often, seldom) {
			if got := point(d, "y", func(a *Address) { a.Holding, a.Type, a.Length = at0(0), Uint16, 0 }).At.(*Address).As(typ, ABCD); !typ.decimal() && got.Count() != n {
				t.Errorf("%v takes %d registers, not %d", typ, got.Count(), n)
			}
		}
	}
}

func TestResizedPointFitsInItsTable(t *testing.T) {
	at := point(unitOf(newTCPSettings(), 1), "x", holding(65534, Float32)).At.(*Address)
	for registers, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
		if r, ok := at.Resized(registers); ok != want || ok && (r.Count() != registers || r.First() != at.First()) {
			t.Errorf("%d registers: %v, %v", registers, r, ok)
		}
	}
}

func TestShiftedPointLeavesTheOtherAlone(t *testing.T) {
	at := point(unitOf(newTCPSettings(), 1), "x", holding(5, Float32)).At.(*Address)
	next, ok := at.Shifted(1)
	if !ok || next.First() != 6 || at.First() != 5 || next.Table() != Holding {
		t.Errorf("%v, %v, from %v", next, ok, at)
	}
	for _, beyond := range []int{-6, 65530} {
		if next, ok := at.Shifted(beyond); ok {
			t.Errorf("%v is no place", next)
		}
	}
}
