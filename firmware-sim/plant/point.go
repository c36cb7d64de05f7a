package plant

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/signal"
)

// point is one quantity of a described device.
type point struct {
	Point
	table modbus.Table
	size  int  // addresses that it covers
	one   bool // it is a coil or a discrete input
	bit   bool // it is a bit of a register
	text  string
	value func(elapsed time.Duration) float64
	held  []uint16 // what was written; nil: nothing
}

// slow is how long a bool or an enum keeps its value, give or take, in the
// devices' time.
const slow = 20 * time.Minute

func newPoint(device string, d Point, seed uint64) (*point, error) {
	t, ok := tables[d.Table]
	if !ok {
		return nil, fmt.Errorf("there is no table %q", d.Table)
	}
	p := &point{Point: d, table: t, one: t == modbus.Coils || t == modbus.DiscreteInputs}
	if p.Scale == 0 {
		p.Scale = 1
	}
	if p.one {
		p.Layout.Type = "bool"
	}
	if err := p.Layout.Check(); err != nil {
		return nil, err
	}
	p.bit = !p.one && p.Layout.Type == "bool"
	p.size = p.Layout.Words()
	if int(p.Address)+p.size > 1<<16 {
		return nil, errors.New("it goes beyond the last address")
	}
	if p.bit && (p.Bit < 0 || p.Bit > 15) {
		return nil, fmt.Errorf("a register has no bit %d", p.Bit)
	}
	p.text = device + "/" + d.Name
	p.value = p.model(signal.Seed(seed, device, d.Name))
	return p, nil
}

// model is how the point moves.
func (p *point) model(seed uint64) func(time.Duration) float64 {
	period := slow + time.Duration(seed%600)*time.Second
	step := func(t time.Duration, n int) int { return int(t/period+time.Duration(seed%7)) % n }
	switch {
	case len(p.Enum) > 0:
		return func(t time.Duration) float64 { return float64(p.Enum[step(t, len(p.Enum))]) }
	case p.Layout.Type == "bool":
		return func(t time.Duration) float64 { return float64(step(t, 2)) }
	}
	value := quantity(p.Point, seed)
	return func(t time.Duration) float64 { return (value(t) - p.Offset) / p.Scale }
}

// words is what the point's addresses hold. The caller owns it.
func (p *point) words(t time.Duration) []uint16 {
	if p.held != nil {
		return slices.Clone(p.held)
	}
	if p.Writable {
		t = 0 // until it is written, it stays as it was in the beginning
	}
	if p.Layout.Type == "string" {
		return p.Layout.EncodeText(p.text)
	}
	if p.Layout.Type == "bool" {
		return []uint16{uint16(p.value(t))}
	}
	return p.Layout.Encode(p.value(t))
}

// lay puts the point's word into a register. Bits share theirs.
func (p *point) lay(register, word uint16) uint16 {
	if p.bit {
		return register | word<<p.Bit
	}
	return word
}

// pick takes the point's word out of a register.
func (p *point) pick(register uint16) uint16 {
	if p.bit {
		return register >> p.Bit & 1
	}
	return register
}

// takes says whether a value may be written.
func (p *point) takes(held []uint16) bool {
	if p.Layout.Type == "string" || p.Layout.Type == "bool" {
		return true
	}
	raw, err := p.Layout.Decode(held)
	if err != nil {
		return false
	}
	if len(p.Enum) > 0 {
		return slices.Contains(p.Enum, int64(raw))
	}
	if p.Min >= p.Max {
		return true
	}
	value, slack := raw*p.Scale+p.Offset, 1e-6*(p.Max-p.Min) // 850 * 0.1 is not quite 85
	return value >= p.Min-slack && value <= p.Max+slack
}
