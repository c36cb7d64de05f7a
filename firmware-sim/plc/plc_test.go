package plc

import (
	"math"
	"slices"
	"testing"
	"time"

	"fieldmq/firmware-sim/modbus"
)

// at returns a controller and the hand of its clock.
func at() (*PLC, *time.Duration) {
	var elapsed time.Duration
	return New(1, func() time.Duration { return elapsed }), &elapsed
}

func read(t *testing.T, p *PLC, table modbus.Table, address uint16, n int) []uint16 {
	t.Helper()
	v := make([]uint16, n)
	if err := p.Read(table, address, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryLayoutHoldsAPlausibleValue(t *testing.T) {
	p, elapsed := at()
	*elapsed = 5 * time.Hour
	holding := func(address uint16, n int) []uint16 { return read(t, p, modbus.HoldingRegisters, address, n) }
	if got := holding(0, 1)[0]; got < 300 || got > 700 {
		t.Errorf("level %d", got)
	}
	w := holding(10, 2)
	if got := math.Float32frombits(uint32(w[1])<<16 | uint32(w[0])); got < 1000 || got > 1900 {
		t.Errorf("speed %v", got)
	}
	if got := holding(30, 4); !slices.Equal(got, []uint16{'F'<<8 | 'M', '-'<<8 | 'P', 'L'<<8 | 'C', '0'<<8 | '1'}) {
		t.Errorf("name %04x", got)
	}
	if got := holding(40, 2); !slices.Equal(got, []uint16{0x2026, 0x0002}) {
		t.Errorf("batch %04x", got)
	}
	w = holding(60, 4)
	if got := int64(uint64(w[0])<<48 | uint64(w[1])<<32 | uint64(w[2])<<16 | uint64(w[3])); got > -4e12 || got < -6e12 {
		t.Errorf("balance %d", got)
	}
	w = holding(70, 4)
	if got := math.Float64frombits(uint64(w[0])<<48 | uint64(w[1])<<32 | uint64(w[2])<<16 | uint64(w[3])); got < 81234 || got > 82000 {
		t.Errorf("volume %v", got)
	}
	if got := holding(50, 1)[0]; got&running == 0 || got&valveOpen != 0 {
		t.Errorf("status %04x", got)
	}
}

func TestPiecesOnlyGrow(t *testing.T) {
	p, elapsed := at()
	count := func() uint32 {
		w := read(t, p, modbus.HoldingRegisters, pieces, 2)
		return uint32(w[0])<<16 | uint32(w[1])
	}
	for range 48 {
		before := count()
		*elapsed += time.Hour
		if now := count(); now <= before {
			t.Fatalf("%d after %d", now, before)
		}
	}
}

func TestValvesMoveTheLevel(t *testing.T) {
	p, elapsed := at()
	valve := func(i uint16, open uint16) {
		t.Helper()
		if err := p.Write(modbus.Coils, i, []uint16{open}); err != nil {
			t.Fatal(err)
		}
	}
	valve(0, 1)
	*elapsed += 3 * time.Hour
	if got := p.content(*elapsed); math.Abs(got-68) > 0.1 {
		t.Errorf("one inlet for three hours: %.1f %%", got)
	}
	if s := read(t, p, modbus.HoldingRegisters, status, 1)[0]; s&valveOpen == 0 {
		t.Errorf("status %04x does not say that a valve is open", s)
	}
	valve(0, 0)
	valve(4, 1)
	valve(5, 1)
	*elapsed += 3 * time.Hour
	if got := p.content(*elapsed); math.Abs(got-32) > 0.1 {
		t.Errorf("then two outlets for three hours: %.1f %%", got)
	}
	*elapsed += 48 * time.Hour
	if got := p.content(*elapsed); got != 0 {
		t.Errorf("then for two days: %.1f %%", got)
	}
	if got := read(t, p, modbus.DiscreteInputs, 2, 2); !slices.Equal(got, []uint16{0, 0}) {
		t.Errorf("upper limit switches of an empty tank: %d", got)
	}
	for i := range uint16(4) {
		valve(i, 1)
		valve(4+i, 0)
	}
	*elapsed += 48 * time.Hour
	if got := read(t, p, modbus.DiscreteInputs, 0, 8); !slices.Equal(got[:3], []uint16{1, 1, 1}) || !slices.Equal(got[4:], []uint16{1, 1, 1, 1}) {
		t.Errorf("switches of a full tank with open inlets: %d", got)
	}
}

func TestFreeRegistersHoldWhatIsWritten(t *testing.T) {
	p, _ := at()
	if err := p.Write(modbus.HoldingRegisters, 198, []uint16{7, 8}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p, modbus.HoldingRegisters, 198, 2); !slices.Equal(got, []uint16{7, 8}) {
		t.Errorf("%d", got)
	}
}

func TestPLCRefusesWhatItDoesNotHave(t *testing.T) {
	p, _ := at()
	for _, k := range []struct {
		name    string
		table   modbus.Table
		address uint16
		n       int
		write   bool
		want    error
	}{
		{"input registers", modbus.InputRegisters, 0, 1, false, modbus.IllegalFunction},
		{"register 200", modbus.HoldingRegisters, 200, 1, false, modbus.IllegalDataAddress},
		{"coil 8", modbus.Coils, 8, 1, false, modbus.IllegalDataAddress},
		{"discrete input 8", modbus.DiscreteInputs, 7, 2, false, modbus.IllegalDataAddress},
		{"writing the level", modbus.HoldingRegisters, 0, 1, true, modbus.IllegalDataAddress},
		{"writing beyond the end", modbus.HoldingRegisters, 199, 2, true, modbus.IllegalDataAddress},
		{"writing coil 8", modbus.Coils, 7, 2, true, modbus.IllegalDataAddress},
	} {
		do := p.Read
		if k.write {
			do = p.Write
		}
		if err := do(k.table, k.address, make([]uint16, k.n)); err != k.want {
			t.Errorf("%s: %v, want %v", k.name, err, k.want)
		}
	}
}
