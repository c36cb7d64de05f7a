// Package meter simulates a three-phase energy meter with the input registers
// of an Eastron SDM630: single precision floats, high word first.
package meter

import (
	"math"
	"time"

	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/signal"
	"fieldmq/firmware-sim/words"
)

// Input registers. Where there are three phases, they follow each other.
const (
	volts        = 0x00
	amps         = 0x06
	watts        = 0x0C
	voltAmperes  = 0x12
	vars         = 0x18
	powerFactor  = 0x1E
	totalWatts   = 0x34
	totalVA      = 0x38
	totalVars    = 0x3C
	totalFactor  = 0x3E
	frequency    = 0x46
	importEnergy = 0x48 // kWh
	exportEnergy = 0x4A // kWh
	end          = 0x4C
)

// maxRegisters is what the meter gives in one answer: 40 floats.
const maxRegisters = 80

// meterReading is what the counter showed when the simulation began, in kWh.
const meterReading = 18342.7

// Meter is the meter. Its energy only grows.
type Meter struct {
	elapsed func() time.Duration
	phases  [3]phase
	hertz   signal.Wave
}

type phase struct{ volts, watts, factor signal.Wave }

var (
	_ modbus.Device     = (*Meter)(nil)
	_ modbus.Identifier = (*Meter)(nil)
)

// New returns a meter whose values are a function of the time that elapsed.
func New(seed uint64, elapsed func() time.Duration) *Meter {
	m := &Meter{elapsed: elapsed, hertz: signal.New(signal.Seed(seed, "hertz"), 50, 0.02, 0.03)}
	for i, load := range []float64{900, 700, 1100} {
		s := signal.Seed(seed, "phase", string(rune('1'+i)))
		m.phases[i] = phase{
			volts:  signal.New(s, 230, 2.5, 1.5),
			watts:  signal.New(s+1, load, 0.5*load, 0.3*load),
			factor: signal.New(s+2, 0.95, 0.02, 0.02),
		}
	}
	return m
}

// Identity is what the meter says about itself.
func (m *Meter) Identity() modbus.Identity {
	return modbus.Identity{Vendor: "fieldmq", Product: "FM-METER3", Revision: "1.0"}
}

// Read knows input registers only.
func (m *Meter) Read(t modbus.Table, address uint16, values []uint16) error {
	if t != modbus.InputRegisters {
		return modbus.IllegalFunction
	}
	if len(values) > maxRegisters {
		return modbus.IllegalDataValue
	}
	return modbus.Copy(values, m.registers(), 0, address)
}

// Write is not for meters.
func (m *Meter) Write(modbus.Table, uint16, []uint16) error { return modbus.IllegalFunction }

// registers is the whole map at this instant.
func (m *Meter) registers() []uint16 {
	t := m.elapsed()
	registers := make([]uint16, end)
	put := func(address int, v float64) { copy(registers[address:], words.Float32(v)) }
	var active, apparent, reactive, energy float64
	for i, p := range m.phases {
		u, w, factor := p.volts.At(t), p.watts.At(t), p.factor.At(t)
		va := w / factor
		q := math.Sqrt(va*va - w*w)
		put(volts+2*i, u)
		put(amps+2*i, va/u)
		put(watts+2*i, w)
		put(voltAmperes+2*i, va)
		put(vars+2*i, q)
		put(powerFactor+2*i, factor)
		active, apparent, reactive = active+w, apparent+va, reactive+q
		energy += p.watts.Sum(t) / 1000
	}
	put(totalWatts, active)
	put(totalVA, apparent)
	put(totalVars, reactive)
	put(totalFactor, active/apparent)
	put(frequency, m.hertz.At(t))
	put(importEnergy, meterReading+energy)
	put(exportEnergy, 0)
	return registers
}
