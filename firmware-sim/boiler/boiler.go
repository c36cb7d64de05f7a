// Package boiler simulates a boiler with a flow temperature that follows its
// setpoint as water does: fast at first, slower as it comes close.
package boiler

import (
	"math"
	"time"

	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/signal"
)

// Addresses. Temperatures are int16 in tenths of a degree Celsius.
const (
	flow     = 100 // input registers
	setpoint = 101 // holding registers
	mode     = 102
	pump     = 3 // coil
	flame    = 0 // discrete input
)

// Modes.
const (
	off uint16 = iota
	heating
	fault
)

// noSensor is what the outside temperature reads when its sensor is broken off.
const noSensor = 0x8000

const (
	lag     = 20 * time.Minute // of the flow temperature
	room    = 19.0             // what an unheated boiler cools down to, Cel
	lowest  = 300              // setpoint, tenths
	highest = 850
)

// Boiler is the boiler. Its faults may have faults.NoSensor.
type Boiler struct {
	elapsed func() time.Duration
	faults  *faults.Source
	outside signal.Wave
	ripple  signal.Wave // the burner's hysteresis, within a degree

	setpoint uint16
	mode     uint16
	pump     uint16

	// The temperature was from at since, and has been on its way to the
	// target ever since.
	from  float64
	since time.Duration
}

var (
	_ modbus.Device     = (*Boiler)(nil)
	_ modbus.Identifier = (*Boiler)(nil)
)

// New returns a cold boiler that begins to heat to 55 Cel. Its values are a
// function of what was written and the time that elapsed.
func New(seed uint64, elapsed func() time.Duration, broken *faults.Source) *Boiler {
	return &Boiler{
		elapsed:  elapsed,
		faults:   broken,
		outside:  signal.New(signal.Seed(seed, "outside"), 7, 6, 0.5),
		ripple:   signal.New(signal.Seed(seed, "ripple"), 0, 0, 0.8),
		setpoint: 550,
		mode:     heating,
		pump:     1,
		from:     room,
		since:    elapsed(),
	}
}

// Identity is what the boiler says about itself.
func (b *Boiler) Identity() modbus.Identity {
	return modbus.Identity{Vendor: "fieldmq", Product: "FM-BOILER", Revision: "1.0"}
}

// Read knows no addresses but those above.
func (b *Boiler) Read(t modbus.Table, address uint16, values []uint16) error {
	switch t {
	case modbus.InputRegisters:
		return modbus.Copy(values, b.temperatures(), flow, address)
	case modbus.HoldingRegisters:
		return modbus.Copy(values, []uint16{b.setpoint, b.mode}, setpoint, address)
	case modbus.Coils:
		return modbus.Copy(values, []uint16{b.pump}, pump, address)
	}
	return modbus.Copy(values, []uint16{b.flame()}, flame, address)
}

// temperatures is flow, return and outside.
func (b *Boiler) temperatures() []uint16 {
	t := b.elapsed()
	w := []uint16{tenths(b.flow(t)), tenths(b.back(t)), tenths(b.outside.At(t))}
	if b.faults.Strikes(faults.NoSensor) {
		w[2] = noSensor
	}
	return w
}

// Write takes the setpoint within its range, a mode that there is, the pump.
func (b *Boiler) Write(t modbus.Table, address uint16, values []uint16) error {
	if t == modbus.Coils {
		if address != pump || len(values) != 1 {
			return modbus.IllegalDataAddress
		}
		b.change(func() { b.pump = values[0] })
		return nil
	}
	state := []uint16{b.setpoint, b.mode}
	if address < setpoint || int(address)-setpoint+len(values) > len(state) {
		return modbus.IllegalDataAddress
	}
	copy(state[address-setpoint:], values)
	if target := int16(state[0]); target < lowest || target > highest || state[1] > fault {
		return modbus.IllegalDataValue
	}
	b.change(func() { b.setpoint, b.mode = state[0], state[1] })
	return nil
}

// change makes the temperature start anew from where it is.
func (b *Boiler) change(f func()) {
	now := b.elapsed()
	b.from, b.since = b.water(now), now
	f()
}

func (b *Boiler) heats() bool { return b.mode == heating && b.pump == 1 }

// target is what the temperature tends to.
func (b *Boiler) target() float64 {
	if b.heats() {
		return float64(int16(b.setpoint)) / 10
	}
	return room
}

// water is the flow temperature without ripple.
func (b *Boiler) water(t time.Duration) float64 {
	left := math.Exp(-(t - b.since).Seconds() / lag.Seconds())
	return b.target() + (b.from-b.target())*left
}

func (b *Boiler) flow(t time.Duration) float64 {
	if !b.heats() {
		return b.water(t)
	}
	return b.water(t) + b.ripple.At(t)
}

// back is the return temperature: the warmer the water, the more the house
// takes of its heat.
func (b *Boiler) back(t time.Duration) float64 {
	return room + 0.75*(b.flow(t)-room)
}

// flame burns until the water is warm, and then now and again.
func (b *Boiler) flame() uint16 {
	if b.heats() && b.flow(b.elapsed()) < b.target() {
		return 1
	}
	return 0
}

func tenths(v float64) uint16 { return uint16(int16(math.Round(v * 10))) }
