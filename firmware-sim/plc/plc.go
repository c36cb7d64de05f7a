// Package plc simulates a controller with a tank, a pump and a line of
// products, whose holding registers show every layout of values that clients
// have to know.
package plc

import (
	"math"
	"time"

	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/signal"
	"fieldmq/firmware-sim/words"
)

// Holding registers. What lies between them reads zero.
const (
	level     = 0  // uint16, tenths of a percent
	speed     = 10 // float32 CDAB, revolutions a minute
	pieces    = 20 // uint32 ABCD
	name      = 30 // 8 characters
	batch     = 40 // BCD, 8 digits
	status    = 50 // bits, below
	balance   = 60 // int64 ABCD, mW.h, negative while more goes out than in
	volume    = 70 // float64 ABCD, m3 pumped
	free      = 100
	registers = 200
)

// Bits of the status word.
const (
	running = 1 << iota
	tankLow
	tankHigh
	valveOpen
	heartbeat = 1 << 15
)

const (
	valves   = 8   // coils; the first four let in, the others out
	switches = 8   // discrete inputs
	inflow   = 6.0 // percent an hour and valve
)

// PLC is the controller. Registers from 100 on hold what is written to them.
type PLC struct {
	elapsed func() time.Duration
	pump    signal.Wave // revolutions a minute
	slosh   signal.Wave // percent; the level is never quite still
	power   signal.Wave // mW

	valves [valves]uint16
	free   [registers - free]uint16

	// The level was filled at since and changes with the open valves.
	filled float64
	since  time.Duration
}

var (
	_ modbus.Device     = (*PLC)(nil)
	_ modbus.Identifier = (*PLC)(nil)
)

// New returns a controller with a tank half full and all valves shut. Its
// values are a function of what was written and the time that elapsed.
func New(seed uint64, elapsed func() time.Duration) *PLC {
	return &PLC{
		elapsed: elapsed,
		pump:    signal.New(signal.Seed(seed, "pump"), 1450, 300, 60),
		slosh:   signal.New(signal.Seed(seed, "slosh"), 0, 15, 3),
		power:   signal.New(signal.Seed(seed, "power"), -2e6, 8e5, 2e5),
		filled:  50,
		since:   elapsed(),
	}
}

// Identity is what the controller says about itself.
func (p *PLC) Identity() modbus.Identity {
	return modbus.Identity{Vendor: "fieldmq", Product: "FM-PLC01", Revision: "1.0"}
}

// Read knows 200 holding registers, 8 coils and 8 discrete inputs.
func (p *PLC) Read(t modbus.Table, address uint16, values []uint16) error {
	switch t {
	case modbus.HoldingRegisters:
		return modbus.Copy(values, p.registers(), 0, address)
	case modbus.Coils:
		return modbus.Copy(values, p.valves[:], 0, address)
	case modbus.DiscreteInputs:
		return modbus.Copy(values, p.switches(), 0, address)
	}
	return modbus.IllegalFunction
}

// Write takes valves and the free registers.
func (p *PLC) Write(t modbus.Table, address uint16, values []uint16) error {
	to, base := p.free[:], free
	if t == modbus.Coils {
		to, base = p.valves[:], 0
	}
	from := int(address) - base
	if from < 0 || from+len(values) > len(to) {
		return modbus.IllegalDataAddress
	}
	if t == modbus.Coils {
		now := p.elapsed()
		p.filled, p.since = p.content(now), now
	}
	copy(to[from:], values)
	return nil
}

// content is what valves have made of the tank, in percent.
func (p *PLC) content(t time.Duration) float64 {
	rate := 0.0
	for i, open := range p.valves {
		if i < valves/2 {
			rate += inflow * float64(open)
		} else {
			rate -= inflow * float64(open)
		}
	}
	return clamp(p.filled + rate*(t-p.since).Hours())
}

// level is what the sensor sees, in percent.
func (p *PLC) level(t time.Duration) float64 { return clamp(p.content(t) + p.slosh.At(t)) }

func clamp(percent float64) float64 { return min(max(percent, 0), 100) }

// switches are four floats from the bottom up, then the end switches of the
// inlet valves.
func (p *PLC) switches() []uint16 {
	now := p.level(p.elapsed())
	s := make([]uint16, switches)
	for i, limit := range []float64{5, 20, 80, 95} {
		if now >= limit {
			s[i] = 1
		}
	}
	copy(s[4:], p.valves[:4])
	return s
}

func (p *PLC) registers() []uint16 {
	t := p.elapsed()
	turns := p.pump.Sum(t) * 60
	w := make([]uint16, registers)
	w[level] = uint16(math.Round(10 * p.level(t)))
	copy(w[speed:], words.CDAB.Arrange(words.Float32(p.pump.At(t))))
	copy(w[pieces:], words.Uint(uint64(turns/100), 2))
	copy(w[name:], words.Text("FM-PLC01", 4))
	copy(w[batch:], words.BCD(20260001+uint64(t/(4*time.Hour)), 2))
	w[status] = p.status(t)
	copy(w[balance:], words.Uint(uint64(int64(-5e12+p.power.Sum(t))), 4))
	copy(w[volume:], words.Float64(81234.5678+turns/2000))
	copy(w[free:], p.free[:])
	return w
}

func (p *PLC) status(t time.Duration) uint16 {
	s := uint16(running)
	if p.level(t) < 20 {
		s |= tankLow
	}
	if p.level(t) > 80 {
		s |= tankHigh
	}
	for _, open := range p.valves {
		if open != 0 {
			s |= valveOpen
		}
	}
	if t/(2*time.Minute)%2 == 1 {
		s |= heartbeat
	}
	return s
}
