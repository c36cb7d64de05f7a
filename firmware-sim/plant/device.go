package plant

import (
	"fmt"
	"time"

	"fieldmq/firmware-sim/modbus"
)

// device is a Modbus device made from a description.
type device struct {
	maxRegisters int
	tables       [4][]*point
	elapsed      func() time.Duration
}

var _ modbus.Device = (*device)(nil)

// tables are the names of the four tables.
var tables = map[string]modbus.Table{
	"coil":     modbus.Coils,
	"discrete": modbus.DiscreteInputs,
	"holding":  modbus.HoldingRegisters,
	"input":    modbus.InputRegisters,
}

func newDevice(d Device, seed uint64, elapsed func() time.Duration) (*device, error) {
	made := &device{maxRegisters: d.MaxRegisters, elapsed: elapsed}
	for _, describes := range d.Points {
		p, err := newPoint(d.Name, describes, seed)
		if err != nil {
			return nil, fmt.Errorf("point %s: %w", describes.Name, err)
		}
		made.tables[p.table] = append(made.tables[p.table], p)
	}
	return made, nil
}

// Read gives what points cover and refuses the rest.
func (d *device) Read(t modbus.Table, address uint16, values []uint16) error {
	registers := t == modbus.HoldingRegisters || t == modbus.InputRegisters
	if registers && d.maxRegisters > 0 && len(values) > d.maxRegisters {
		return modbus.IllegalDataValue
	}
	covered := make([]bool, len(values))
	now := d.elapsed()
	for _, p := range d.tables[t] {
		from := int(p.Address) - int(address)
		if from >= len(values) || from+p.size <= 0 {
			continue
		}
		for i, w := range p.words(now) {
			if at := from + i; at >= 0 && at < len(values) {
				values[at] = p.lay(values[at], w)
				covered[at] = true
			}
		}
	}
	return all(covered)
}

// Write takes what writable points cover and refuses the rest. Nothing is
// written if a point does not take its value.
func (d *device) Write(t modbus.Table, address uint16, values []uint16) error {
	covered := make([]bool, len(values))
	var apply []func()
	for _, p := range d.tables[t] {
		from := int(p.Address) - int(address)
		if !p.Writable || from >= len(values) || from+p.size <= 0 {
			continue
		}
		held := p.words(d.elapsed())
		for i := range held {
			if at := from + i; at >= 0 && at < len(values) {
				held[i] = p.pick(values[at])
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
