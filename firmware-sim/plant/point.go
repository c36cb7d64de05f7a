package plant

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/signal"
	"fieldmq/firmware-sim/words"
)

// point is one quantity of a described device.
type point struct {
	Point
	table modbus.Table
	size  int      // addresses that it covers
	part  []uint16 // the bits in them that it has; nil: all
	text  string
	value func(elapsed time.Duration) float64
	held  []uint16 // what was written, as it stands in its bits; nil: nothing
}

func newPoint(device string, d Point, seed uint64) (*point, error) {
	t, ok := tables[d.Table]
	if !ok {
		return nil, fmt.Errorf("there is no table %q", d.Table)
	}
	p := &point{Point: d, table: t}
	if p.Scale == 0 {
		p.Scale = 1
	}
	single := t == modbus.Coils || t == modbus.DiscreteInputs
	if single {
		p.Layout.Type = "bool"
	}
	if err := p.Layout.Check(); err != nil {
		return nil, err
	}
	p.size = p.Layout.Words()
	if int(p.Address)+p.size > 1<<16 {
		return nil, errors.New("it goes beyond the last address")
	}
	if p.Layout.Type == "bool" && !single {
		p.Bits = 1
	}
	if width := 16 * p.size; p.Bits > 0 {
		if p.Bit < 0 || p.Bit+p.Bits > width {
			return nil, fmt.Errorf("a value of %d bits has no bit %d", width, p.Bit+p.Bits-1)
		}
		p.part = p.place(p.most())
	}
	p.text = device + "/" + d.Name
	p.value = p.model(signal.Seed(seed, device, d.Name))
	return p, nil
}

// most is the largest number that a part holds.
func (p *point) most() uint64 { return 1<<p.Bits - 1 }

// place is a number where the words have the part.
func (p *point) place(raw uint64) []uint16 {
	return p.Layout.Order.Arrange(words.Uint(raw<<p.Bit, p.size))
}

// model is how the point moves.
func (p *point) model(seed uint64) func(time.Duration) float64 {
	described := p.Point
	switch {
	case p.worded():
		return p.meaning(seed)
	case p.Layout.Type == "bool" || p.Bits == 1:
		return func(t time.Duration) float64 { return float64(choice(seed, t, 2)) }
	case p.Bits > 0 && p.Min >= p.Max:
		described.Min, described.Max = p.Offset, float64(p.most())*p.Scale+p.Offset
	}
	value := quantity(described, seed)
	return func(t time.Duration) float64 { return (value(t) - p.Offset) / p.Scale }
}

// registers are what the point's addresses hold. The caller owns them.
func (p *point) registers(t time.Duration) []uint16 {
	if p.held != nil {
		return slices.Clone(p.held)
	}
	if p.Writable {
		t = 0 // until it is written, it stays as it was in the beginning
	}
	switch {
	case p.Layout.Type == "string":
		return p.Layout.EncodeText(p.text)
	case p.part != nil:
		return p.place(whole(p.value(t)) & p.most())
	}
	return p.Layout.Encode(p.value(t))
}

// whole is the nearest integer, in two's complement.
func whole(v float64) uint64 {
	if v < 0 {
		return uint64(int64(math.Round(v)))
	}
	return uint64(math.Round(v))
}

// lay puts the point's part of one of its registers into it: others may have
// theirs there.
func (p *point) lay(i int, register, word uint16) uint16 {
	if p.part == nil {
		return word
	}
	return register&^p.part[i] | word
}

// pick is the point's part of what one of its registers is to hold.
func (p *point) pick(i int, register uint16) uint16 {
	if p.part == nil {
		return register
	}
	return register & p.part[i]
}

// takes says whether a value may be written.
func (p *point) takes(held []uint16) bool {
	if p.Layout.Type == "string" || p.Layout.Type == "bool" {
		return true
	}
	raw, err := p.decode(held)
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

// decode is the number that the point's registers hold.
func (p *point) decode(held []uint16) (float64, error) {
	if p.part == nil {
		return p.Layout.Decode(held)
	}
	raw := words.ToUint(p.Layout.Order.Arrange(held)) >> p.Bit & p.most()
	if strings.HasPrefix(p.Layout.Type, "int") { // its highest bit is the sign
		return float64(int64(raw<<(64-p.Bits)) >> (64 - p.Bits)), nil
	}
	return float64(raw), nil
}
