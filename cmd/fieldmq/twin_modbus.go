package main

import (
	"maps"
	"math"
	"slices"

	"fieldmq/drivers/modbus"
	"fieldmq/firmware-sim/plant"
	"fieldmq/firmware-sim/words"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// twinUnit is a unit of a bus while its twin is made: several devices of the
// configuration may be one to the wire.
type twinUnit struct {
	device *plant.Device
	points []*modbus.Address
}

// twinDevices are the devices of a Modbus bus. Devices of one unit id are one
// to the wire, and unit 0 is all of them.
func twinDevices(b gateway.Bus) []plant.Device {
	var units []twinUnit
	index := map[byte]int{}
	for _, d := range b.Devices {
		for _, e := range d.Points {
			at := e.Point.At.(*modbus.Address)
			if at.Broadcast() {
				continue
			}
			if _, known := index[at.Unit()]; !known {
				index[at.Unit()] = len(units)
				units = append(units, twinUnit{device: &plant.Device{Name: d.ID, Unit: at.Unit()}})
			}
			u := &units[index[at.Unit()]]
			u.points = append(u.points, at)
		}
	}
	for _, d := range b.Devices {
		for _, e := range d.Points {
			if at := e.Point.At.(*modbus.Address); !at.Broadcast() {
				units[index[at.Unit()]].add(e, at)
			}
		}
	}
	devices := make([]plant.Device, len(units))
	for i, u := range units {
		devices[i] = *u.device
	}
	return devices
}

// exponent is the power of ten that scale registers of simulated devices hold.
const exponent = -1

// add gives the unit a point, and what goes with it.
func (u *twinUnit) add(e mapping.Entry, at *modbus.Address) {
	if at.Call != nil {
		u.device.Calls = append(u.device.Calls, twinCall(at))
		return
	}
	if at.Sunspec != nil {
		chain := modbus.Imagine(u.points)
		for register, word := range chain.Registers() {
			u.fix(register, word)
		}
		at = chain.Locate(at)
	}
	p := twinPoint(e, at)
	if at.ScaleRegister != nil {
		word := int16(exponent)
		u.fix(*at.ScaleRegister, uint16(word))
		first := min(at.First(), *at.ScaleRegister)
		u.device.Blocks = append(u.device.Blocks, plant.Block{First: uint16(first), Count: max(at.First(), *at.ScaleRegister) - first})
		p.Scale *= math.Pow10(exponent)
	}
	u.device.Points = append(u.device.Points, p)
}

func (u *twinUnit) fix(register int, word uint16) {
	if u.device.Fixed == nil {
		u.device.Fixed = map[uint16]uint16{}
	}
	u.device.Fixed[uint16(register)] = word
}

// twinCall is what a device answers to a call: itself, or a value of zero.
func twinCall(at *modbus.Address) plant.Call {
	function, before, after, value := at.Call.Parts()
	c := plant.Call{Function: function, Before: before, After: after}
	if value {
		c.Value = 2 * at.Count()
	}
	n, echo := at.Answer()
	c.Echo, c.Answer = echo, make([]byte, n)
	return c
}

func twinPoint(e mapping.Entry, at *modbus.Address) plant.Point {
	p := plant.Point{
		Name:    e.Point.Name,
		Table:   at.Table().String(),
		Address: uint16(at.First()),
		Layout: words.Layout{
			Type: at.ValueType().String(), Order: words.Order(at.Order.String()), Length: at.Count(),
			Chars: at.Chars.String(), Backwards: at.Backwards,
		},
		Unit:     e.Rule.Unit,
		Scale:    e.Rule.Scale,
		Offset:   e.Rule.Offset,
		Writable: e.Rule.Write.Allowed,
	}
	if first, count, part := at.Part(); part {
		p.Bit, p.Bits = first, count
		if at.Bit != nil {
			p.Layout.Type = map[int]string{1: "uint16", 2: "uint32", 4: "uint64"}[at.Count()]
		}
	}
	p.Enum = slices.Sorted(maps.Keys(e.Rule.Enum))
	p.Flags = slices.Sorted(maps.Keys(e.Rule.Flags))
	if l := e.Rule.Write.Limits; l.Min != nil && l.Max != nil {
		p.Min, p.Max = *l.Min, *l.Max
	}
	if t, first := at.Target(); p.Writable && (t != at.Table() || first != at.First()) {
		p.Takes = &plant.Place{Table: t.String(), Address: uint16(first)}
	}
	if back := at.ShownAt(); back != nil {
		p.Shows = &plant.Place{Table: back.Table().String(), Address: uint16(back.First())}
	}
	return p
}
