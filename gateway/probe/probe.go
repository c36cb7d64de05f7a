// Package probe looks at one device at a time, without the gateway: it reads and
// writes points and shows what stands behind their values on the wire. It goes
// through the real configuration, driver and mapping, so that what it shows is
// what the gateway will publish.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// Probe is a device and its open bus. One goroutine uses it.
type Probe struct {
	device gateway.Device
	table  *mapping.Table
	bus    drivers.Bus
}

// New is a probe of a device on a bus that is open already.
func New(d gateway.Device, bus drivers.Bus) (*Probe, error) {
	table, err := mapping.Compile([]mapping.Device{d.Device})
	if err != nil {
		return nil, err
	}
	return &Probe{device: d, table: table, bus: bus}, nil
}

// Find is the device of that id and the bus that it is on.
func Find(config *gateway.Config, device string) (gateway.Bus, gateway.Device, error) {
	var ids []string
	for _, b := range config.Buses {
		for _, d := range b.Devices {
			if d.ID == device {
				return b, d, nil
			}
			ids = append(ids, d.ID)
		}
	}
	return gateway.Bus{}, gateway.Device{}, fmt.Errorf("there is no device %q; those there are: %s", device, strings.Join(ids, ", "))
}

// Close releases the bus.
func (p *Probe) Close() error { return p.bus.Close() }

// Points are the device's points of those names, or all that are read if none
// is named.
func (p *Probe) Points(names ...string) ([]mapping.Entry, error) { return Points(p.device, names...) }

// Points are those of a device, before its bus is opened.
func Points(d gateway.Device, names ...string) ([]mapping.Entry, error) {
	all := slices.Concat(d.Points, d.Computed)
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(e mapping.Entry) bool { return e.WriteOnly }), nil
	}
	entries := make([]mapping.Entry, len(names))
	for i, name := range names {
		n := slices.IndexFunc(all, func(e mapping.Entry) bool { return e.Point.Name == name })
		if n < 0 {
			return nil, fmt.Errorf("%s has no point %q; those there are: %s", d.ID, name, namesOf(all))
		}
		entries[i] = all[n]
	}
	return entries, nil
}

func namesOf(entries []mapping.Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Point.Name)
	}
	return strings.Join(names, ", ")
}

// inspector is a bus that shows what stands behind its samples.
type inspector interface {
	Inspect(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error)
}

// Read reads points of the device, and returns a reading of each in their
// order. Those that are computed have all others read. It fails if the bus is
// lost; what is wrong with a point or the device stands in the readings.
func (p *Probe) Read(ctx context.Context, entries []mapping.Entry) ([]Reading, error) {
	points := p.asked(entries)
	samples, raw, err := p.sample(ctx, points)
	if err != nil {
		return nil, err
	}
	said, err := p.said(samples)
	if err != nil {
		return nil, err
	}
	readings := make([]Reading, len(entries))
	for i, e := range entries {
		r := Reading{Entry: e, Sample: drivers.Sample{Point: e.Point, Time: time.Now()}}
		if n := slices.Index(points, e.Point); n >= 0 {
			r.Sample = samples[n]
			if raw != nil {
				r.Raw = raw[n]
			}
		}
		r.Value, r.Err = said.of(r.Sample)
		readings[i] = r
	}
	return readings, nil
}

// asked are the points that the bus is asked for: those of the entries, or all
// if one of these is computed.
func (p *Probe) asked(entries []mapping.Entry) []*drivers.Point {
	var points []*drivers.Point
	for _, e := range entries {
		if _, computed := e.Point.At.(*mapping.Formula); computed {
			entries, _ = p.Points()
			break
		}
	}
	for _, e := range entries {
		if _, computed := e.Point.At.(*mapping.Formula); !computed {
			points = append(points, e.Point)
		}
	}
	return points
}

func (p *Probe) sample(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error) {
	if b, ok := p.bus.(inspector); ok {
		return b.Inspect(ctx, points)
	}
	samples, err := p.bus.Read(ctx, points)
	return samples, nil, err
}

// said is what the gateway would publish as the state of the device: values as
// JSON, and why there are none.
type said struct {
	values  map[string]json.RawMessage
	reasons map[string]string
}

func (p *Probe) said(samples []drivers.Sample) (said, error) {
	var s said
	p.table.Forget(p.device.ID)
	messages := p.table.Messages(samples, time.Now())
	if len(messages) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(messages[len(messages)-1].Payload, &s.values); err != nil {
		return s, err
	}
	if reasons := s.values["errors"]; reasons != nil {
		return s, json.Unmarshal(reasons, &s.reasons)
	}
	return s, nil
}

// of is the value of a sample, or why there is none.
func (s said) of(sample drivers.Sample) (json.RawMessage, error) {
	if sample.Err != nil {
		return nil, sample.Err
	}
	if value, ok := s.values[sample.Point.Name]; ok {
		return value, nil
	}
	if reason, ok := s.reasons[sample.Point.Name]; ok {
		return nil, errors.New(reason)
	}
	return nil, drivers.ErrNoValue
}

// Order is a value for a point, as text.
type Order struct{ Point, Value string }

// Commands are the orders to a device as they go to its driver: within the limits
// of their points, with scale and enum undone. Nothing is opened or sent.
func Commands(d gateway.Device, orders []Order) ([]drivers.Command, error) {
	table, err := mapping.Compile([]mapping.Device{d.Device})
	if err != nil {
		return nil, err
	}
	object := make(map[string]string, len(orders))
	for _, o := range orders {
		object[o.Point] = o.Value
	}
	payload, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	r, err := table.Request(mqtt.Message{Topic: "device/" + d.ID + "/set", Payload: payload})
	if err != nil {
		return nil, err
	}
	inOrder := make([]drivers.Command, 0, len(r.Commands))
	for _, o := range orders {
		i := slices.IndexFunc(r.Commands, func(c drivers.Command) bool { return c.Point.Name == o.Point })
		inOrder = append(inOrder, r.Commands[i])
	}
	return inOrder, nil
}

// Write gives the device values, and returns when it has agreed.
func (p *Probe) Write(ctx context.Context, commands []drivers.Command) error {
	return p.bus.Write(ctx, commands)
}
