package meter

import (
	"math"
	"testing"
	"time"

	"fieldmq/firmware-sim/modbus"
)

// at returns a meter and the hand of its clock.
func at(seed uint64) (*Meter, *time.Duration) {
	var elapsed time.Duration
	return New(seed, func() time.Duration { return elapsed }), &elapsed
}

func float(t *testing.T, m *Meter, address uint16) float64 {
	t.Helper()
	w := make([]uint16, 2)
	if err := m.Read(modbus.InputRegisters, address, w); err != nil {
		t.Fatal(err)
	}
	return float64(math.Float32frombits(uint32(w[0])<<16 | uint32(w[1])))
}

func TestValuesAreThoseOfAHouse(t *testing.T) {
	m, elapsed := at(1)
	for ; *elapsed < 25*time.Hour; *elapsed += 7 * time.Minute {
		for _, k := range []struct {
			name      string
			address   uint16
			low, high float64
		}{
			{"volts", 0x00, 220, 240}, {"volts", 0x02, 220, 240}, {"volts", 0x04, 220, 240},
			{"amps", 0x06, 0.1, 10}, {"amps", 0x0A, 0.1, 10},
			{"watts", 0x0C, 10, 2000}, {"watts", 0x10, 10, 2100},
			{"total watts", 0x34, 100, 6000},
			{"power factor", 0x3E, 0.85, 1},
			{"frequency", 0x46, 49.9, 50.1},
			{"energy", 0x48, meterReading - 0.01, meterReading + 200},
		} {
			if got := float(t, m, k.address); got < k.low || got > k.high {
				t.Fatalf("%s after %v: %v", k.name, *elapsed, got)
			}
		}
	}
}

func TestTotalsAgreeWithThePhases(t *testing.T) {
	m, elapsed := at(2)
	*elapsed = 3 * time.Hour
	sum := float(t, m, 0x0C) + float(t, m, 0x0E) + float(t, m, 0x10)
	if total := float(t, m, 0x34); math.Abs(sum-total) > 0.01 {
		t.Errorf("%v W in phases, %v W in all", sum, total)
	}
	for i := range uint16(3) {
		power := float(t, m, 0x00+2*i) * float(t, m, 0x06+2*i) * float(t, m, 0x1E+2*i)
		if watts := float(t, m, 0x0C+2*i); math.Abs(power-watts) > 0.01 {
			t.Errorf("phase %d: U I cos phi is %v W, the meter says %v W", i+1, power, watts)
		}
	}
}

func TestEnergyOnlyGrowsAndFitsThePower(t *testing.T) {
	m, elapsed := at(3)
	before := float(t, m, 0x48)
	for range 24 {
		*elapsed += time.Hour
		now := float(t, m, 0x48)
		if now <= before {
			t.Fatalf("after %v: %v kWh, an hour ago %v", *elapsed, now, before)
		}
		before = now
	}
	if day := before - meterReading; day < 50 || day > 80 {
		t.Errorf("%v kWh a day with 2.7 kW on average", day)
	}
}

func TestMeterRefusesWhatItDoesNotHave(t *testing.T) {
	m, _ := at(1)
	for _, k := range []struct {
		name    string
		table   modbus.Table
		address uint16
		n       int
		want    error
	}{
		{"all it has", modbus.InputRegisters, 0, 0x4C, nil},
		{"81 registers", modbus.InputRegisters, 0, 81, modbus.IllegalDataValue},
		{"80 registers", modbus.InputRegisters, 0, 80, modbus.IllegalDataAddress},
		{"beyond its map", modbus.InputRegisters, 0x4C, 2, modbus.IllegalDataAddress},
		{"holding registers", modbus.HoldingRegisters, 0, 2, modbus.IllegalFunction},
	} {
		if err := m.Read(k.table, k.address, make([]uint16, k.n)); err != k.want {
			t.Errorf("%s: %v, want %v", k.name, err, k.want)
		}
	}
	if err := m.Write(modbus.HoldingRegisters, 0, []uint16{1}); err != modbus.IllegalFunction {
		t.Errorf("write: %v", err)
	}
}
