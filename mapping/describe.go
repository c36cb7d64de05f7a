package mapping

import (
	"time"

	"fieldmq/drivers"
)

// Description is a device in the eyes of those who make other languages of it.
type Description struct {
	Device
	Status, State string        // topics
	Get           string        // topic of requests to read it now
	Expiry        time.Duration // of its state; zero: never
	Points        []PointDescription
}

// PointDescription is a point of a Description.
type PointDescription struct {
	Name     string
	Kind     drivers.Kind // of the value as it is published: bool, int, float or text
	Unit     string
	Enum     []string // the words of a text that has no others
	Decimals int      // of a number; negative: not known
	Read     bool     // it is read, and stands in the state
	Write    bool     // it takes commands
	Min, Max *float64 // of those
	Step     *float64
	Topic    string // of its value
	Set      string // of commands
	Home     Home   // what the configuration says for Home Assistant
}

// Describe is the description of a device of the table.
func (t *Table) Describe(device string) (Description, bool) {
	d := t.byID[device]
	if d == nil {
		return Description{}, false
	}
	base := root + d.ID
	out := Description{Device: d.Device, Status: base + status, State: d.topic, Get: base + get, Expiry: d.expiry}
	for _, p := range d.points {
		out.Points = append(out.Points, p.describe())
	}
	return out, true
}

// Devices are the ids of the table's devices, in order.
func (t *Table) Devices() []string {
	ids := make([]string, len(t.devices))
	for i, d := range t.devices {
		ids[i] = d.ID
	}
	return ids
}

func (p *point) describe() PointDescription {
	r := &p.Rule
	d := PointDescription{
		Name: p.Point.Name, Kind: p.Point.At.Kind(), Unit: r.Unit, Enum: r.Enum.Words(), Decimals: -1,
		Read: r.Read && !p.WriteOnly, Write: r.Write.Allowed, Topic: p.topic, Set: p.topic + set, Home: r.Home,
	}
	if d.Write {
		d.Min, d.Max, d.Step = r.Write.Limits.Min, r.Write.Limits.Max, r.Write.Limits.Step
	}
	switch c := p.codec.(type) {
	case *enum, *flags:
		d.Kind = drivers.KindText
	case *number:
		d.Kind = c.kind()
		if c.whole || c.round >= 0 {
			d.Decimals = c.fixed.places
		}
	}
	if p.formula != nil {
		d.Kind = p.formula.kind
	}
	return d
}
