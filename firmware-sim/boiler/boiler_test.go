package boiler

import (
	"math"
	"testing"
	"time"

	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/modbus"
)

// at returns a boiler and the hand of its clock.
func at() (*Boiler, *time.Duration) {
	var elapsed time.Duration
	return New(1, func() time.Duration { return elapsed }, nil), &elapsed
}

func read(t *testing.T, b *Boiler, table modbus.Table, address uint16) uint16 {
	t.Helper()
	v := []uint16{0}
	if err := b.Read(table, address, v); err != nil {
		t.Fatal(err)
	}
	return v[0]
}

func write(t *testing.T, b *Boiler, table modbus.Table, address, value uint16) {
	t.Helper()
	if err := b.Write(table, address, []uint16{value}); err != nil {
		t.Fatal(err)
	}
}

func flowOf(t *testing.T, b *Boiler) float64 {
	return float64(int16(read(t, b, modbus.InputRegisters, flow))) / 10
}

func TestFlowFollowsTheSetpointAsAFirstOrderLag(t *testing.T) {
	b, elapsed := at()
	for _, k := range []struct {
		after time.Duration
		share float64 // of the way from room to setpoint
	}{{0, 0}, {lag, 0.632}, {2 * lag, 0.865}, {8 * lag, 1}} {
		*elapsed = k.after
		want := room + (55-room)*k.share
		if got := flowOf(t, b); math.Abs(got-want) > 1 {
			t.Errorf("after %v: %.1f, want %.1f", k.after, got, want)
		}
	}
	write(t, b, modbus.HoldingRegisters, setpoint, 750)
	if got := flowOf(t, b); math.Abs(got-55) > 1 {
		t.Errorf("a new setpoint made the water jump to %.1f", got)
	}
	*elapsed += 8 * lag
	if got := flowOf(t, b); math.Abs(got-75) > 1 {
		t.Errorf("with setpoint 75: %.1f", got)
	}
}

func TestBoilerCoolsWhenItDoesNotHeat(t *testing.T) {
	for _, k := range []struct {
		name           string
		table          modbus.Table
		address, value uint16
	}{
		{"off", modbus.HoldingRegisters, mode, off},
		{"in fault", modbus.HoldingRegisters, mode, fault},
		{"with the pump off", modbus.Coils, pump, 0},
	} {
		b, elapsed := at()
		*elapsed = 10 * lag
		write(t, b, k.table, k.address, k.value)
		if read(t, b, modbus.DiscreteInputs, flame) != 0 {
			t.Errorf("%s: the flame burns", k.name)
		}
		*elapsed += 10 * lag
		if got := flowOf(t, b); math.Abs(got-room) > 0.1 {
			t.Errorf("%s: %.1f", k.name, got)
		}
	}
}

func TestFlameBurnsWhileTheWaterIsCold(t *testing.T) {
	b, elapsed := at()
	if read(t, b, modbus.DiscreteInputs, flame) != 1 {
		t.Error("no flame at the beginning")
	}
	seen := [2]bool{}
	for *elapsed = 10 * lag; *elapsed < 14*lag; *elapsed += time.Minute {
		seen[read(t, b, modbus.DiscreteInputs, flame)] = true
	}
	if !seen[0] || !seen[1] {
		t.Error("the flame does not go on and off")
	}
}

func TestReturnIsColderThanFlow(t *testing.T) {
	b, elapsed := at()
	*elapsed = 5 * lag
	if f, r := flowOf(t, b), float64(int16(read(t, b, modbus.InputRegisters, flow+1)))/10; r >= f || r < room {
		t.Errorf("flow %.1f, return %.1f", f, r)
	}
}

func TestBrokenSensorReadsItsWord(t *testing.T) {
	board := faults.NewBoard(1)
	b := New(1, func() time.Duration { return 0 }, board.Add("boiler", "panel", faults.NoSensor))
	if got := read(t, b, modbus.InputRegisters, flow+2); got == noSensor {
		t.Error("a whole sensor reads as broken")
	}
	if err := board.Apply("boiler no-sensor"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b, modbus.InputRegisters, flow+2); got != noSensor {
		t.Errorf("%04x, want 8000", got)
	}
}

func TestBoilerRefusesWhatItCannot(t *testing.T) {
	for _, k := range []struct {
		name    string
		table   modbus.Table
		address uint16
		values  []uint16
		want    error
	}{
		{"the lowest setpoint", modbus.HoldingRegisters, 101, []uint16{300}, nil},
		{"the highest setpoint", modbus.HoldingRegisters, 101, []uint16{850}, nil},
		{"setpoint and mode together", modbus.HoldingRegisters, 101, []uint16{400, 0}, nil},
		{"too cold", modbus.HoldingRegisters, 101, []uint16{299}, modbus.IllegalDataValue},
		{"too hot", modbus.HoldingRegisters, 101, []uint16{851}, modbus.IllegalDataValue},
		{"below zero", modbus.HoldingRegisters, 101, []uint16{0xFFFF}, modbus.IllegalDataValue},
		{"an unknown mode", modbus.HoldingRegisters, 102, []uint16{3}, modbus.IllegalDataValue},
		{"a good setpoint with a bad mode", modbus.HoldingRegisters, 101, []uint16{400, 3}, modbus.IllegalDataValue},
		{"before its registers", modbus.HoldingRegisters, 100, []uint16{400, 400}, modbus.IllegalDataAddress},
		{"beyond its registers", modbus.HoldingRegisters, 102, []uint16{0, 0}, modbus.IllegalDataAddress},
		{"another coil", modbus.Coils, 4, []uint16{1}, modbus.IllegalDataAddress},
		{"two coils", modbus.Coils, 3, []uint16{1, 1}, modbus.IllegalDataAddress},
	} {
		b, _ := at()
		if err := b.Write(k.table, k.address, k.values); err != k.want {
			t.Errorf("%s: %v, want %v", k.name, err, k.want)
		}
		if k.want != nil && (b.setpoint != 550 || b.mode != heating || b.pump != 1) {
			t.Errorf("%s: something was written", k.name)
		}
	}
}
