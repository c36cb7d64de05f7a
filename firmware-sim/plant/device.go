package plant

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"fieldmq/firmware-sim/modbus"
)

// device is a Modbus device made from a description.
type device struct {
	maxRegisters int
	reads        [4][]spot // by table
	writes       [4][]spot
	fixed        map[uint16]uint16
	blocks       []Block
	calls        []Call
	elapsed      func() time.Duration
}

// spot is a point where a table has it.
type spot struct {
	*point
	at int
}

var (
	_ modbus.Device = (*device)(nil)
	_ modbus.Caller = (*device)(nil)
)

// tables are the names of the four tables.
var tables = map[string]modbus.Table{
	"coil":     modbus.Coils,
	"discrete": modbus.DiscreteInputs,
	"holding":  modbus.HoldingRegisters,
	"input":    modbus.InputRegisters,
}

func newDevice(d Device, seed uint64, elapsed func() time.Duration) (*device, error) {
	made := &device{maxRegisters: d.MaxRegisters, fixed: d.Fixed, blocks: d.Blocks, calls: d.Calls, elapsed: elapsed}
	for _, describes := range d.Points {
		p, err := newPoint(d.Name, describes, seed)
		if err != nil {
			return nil, fmt.Errorf("point %s: %w", describes.Name, err)
		}
		if err := made.place(p); err != nil {
			return nil, fmt.Errorf("point %s: %w", describes.Name, err)
		}
	}
	return made, nil
}

// place puts a point into the tables where it is read and where it is written.
func (d *device) place(p *point) error {
	own := Place{p.Table, p.Address}
	read := []Place{own}
	if p.Shows != nil {
		read = append(read, *p.Shows)
	}
	for _, at := range read {
		t, ok := tables[at.Table]
		if !ok {
			return fmt.Errorf("there is no table %q", at.Table)
		}
		d.reads[t] = append(d.reads[t], spot{p, int(at.Address)})
	}
	if !p.Writable {
		return nil
	}
	if p.Takes != nil {
		own = *p.Takes
	}
	t, ok := tables[own.Table]
	if !ok {
		return fmt.Errorf("there is no table %q", own.Table)
	}
	d.writes[t] = append(d.writes[t], spot{p, int(own.Address)})
	return nil
}

// Call answers what is described, and nothing else.
func (d *device) Call(function byte, data []byte) (answer []byte, ok bool) {
	for _, c := range d.calls {
		ours := c.Function == function && len(data) == len(c.Before)+c.Value+len(c.After) &&
			bytes.HasPrefix(data, c.Before) && bytes.HasSuffix(data, c.After)
		switch {
		case ours && c.Echo:
			return data, true
		case ours:
			return c.Answer, true
		}
	}
	return nil, false
}

// Read gives what points cover and refuses the rest.
func (d *device) Read(t modbus.Table, address uint16, values []uint16) error {
	registers := t == modbus.HoldingRegisters || t == modbus.InputRegisters
	if registers && d.maxRegisters > 0 && len(values) > d.maxRegisters {
		return modbus.IllegalDataValue
	}
	covered := make([]bool, len(values))
	now := d.elapsed()
	for _, p := range d.reads[t] {
		from := p.at - int(address)
		if from >= len(values) || from+p.size <= 0 {
			continue
		}
		for i, w := range p.registers(now) {
			if at := from + i; at >= 0 && at < len(values) {
				values[at] = p.lay(i, values[at], w)
				covered[at] = true
			}
		}
	}
	for i := range values {
		n := address + uint16(i)
		if !registers {
			break
		}
		if word, ok := d.fixed[n]; ok {
			values[i], covered[i] = word, true
		}
		covered[i] = covered[i] || slices.ContainsFunc(d.blocks, func(b Block) bool { return n >= b.First && int(n-b.First) < b.Count })
	}
	return all(covered)
}

// Write takes what writable points cover and refuses the rest. Nothing is
// written if a point does not take its value.
func (d *device) Write(t modbus.Table, address uint16, values []uint16) error {
	covered := make([]bool, len(values))
	var apply []func()
	for _, p := range d.writes[t] {
		from := p.at - int(address)
		if from >= len(values) || from+p.size <= 0 {
			continue
		}
		held := p.registers(d.elapsed())
		for i := range held {
			if at := from + i; at >= 0 && at < len(values) {
				held[i] = p.pick(i, values[at])
				covered[at] = true
			}
		}
		whole := from >= 0 && from+p.size <= len(values)
		if whole && !p.takes(held) {
			return modbus.IllegalDataValue
		}
		apply = append(apply, func() { p.held = held })
	}
	if err := all(covered); err != nil {
		return err
	}
	for _, f := range apply {
		f()
	}
	return nil
}

func all(covered []bool) error {
	for _, c := range covered {
		if !c {
			return modbus.IllegalDataAddress
		}
	}
	return nil
}
