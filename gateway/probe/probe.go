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
	"log/slog"
	"net"
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

// Open opens the bus of a device of a site. A peer on the network that cannot
// be reached is drivers.ErrOffline.
func Open(ctx context.Context, config *gateway.Config, device string, log *slog.Logger) (*Probe, error) {
	bus, d, err := Find(config, device)
	if err != nil {
		return nil, err
	}
	open, err := bus.Settings.Open(ctx, log)
	var network *net.OpError
	if errors.As(err, &network) {
		return nil, fmt.Errorf("%w: %w", drivers.ErrOffline, err)
	}
	if err != nil {
		return nil, err
	}
	return New(d, open)
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

// Points are the device's points of those names, or all if none is named.
func (p *Probe) Points(names ...string) ([]mapping.Entry, error) {
	if len(names) == 0 {
		return p.device.Points, nil
	}
	entries := make([]mapping.Entry, len(names))
	for i, name := range names {
		n := slices.IndexFunc(p.device.Points, func(e mapping.Entry) bool { return e.Point.Name == name })
		if n < 0 {
			return nil, fmt.Errorf("%s has no point %q; those there are: %s", p.device.ID, name, p.names())
		}
		entries[i] = p.device.Points[n]
	}
	return entries, nil
}

func (p *Probe) names() string {
	names := make([]string, len(p.device.Points))
	for i, e := range p.device.Points {
		names[i] = e.Point.Name
	}
	return strings.Join(names, ", ")
}

// inspector is a bus that shows what stands behind its samples.
type inspector interface {
	Inspect(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error)
}

// Read reads points of the device, and returns a reading of each in their
// order. It fails if the bus is lost; what is wrong with a point or the device
// stands in the readings.
func (p *Probe) Read(ctx context.Context, entries []mapping.Entry) ([]Reading, error) {
	points := make([]*drivers.Point, len(entries))
	for i, e := range entries {
		points[i] = e.Point
	}
	samples, raw, err := p.sample(ctx, points)
	if err != nil {
		return nil, err
	}
	readings := make([]Reading, len(entries))
	for i, s := range samples {
		readings[i] = Reading{Entry: entries[i], Sample: s}
		if raw != nil {
			readings[i].Raw = raw[i]
		}
		readings[i].Value, readings[i].Err = p.value(s)
	}
	return readings, nil
}

func (p *Probe) sample(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error) {
	if b, ok := p.bus.(inspector); ok {
		return b.Inspect(ctx, points)
	}
	samples, err := p.bus.Read(ctx, points)
	return samples, nil, err
}

// value is what the gateway would publish for a sample, as JSON, or why it
// would publish none.
func (p *Probe) value(s drivers.Sample) (json.RawMessage, error) {
	if s.Err != nil {
		return nil, s.Err
	}
	p.table.Forget(p.device.ID)
	messages := p.table.Messages([]drivers.Sample{s}, time.Now())
	var state map[string]json.RawMessage
	if err := json.Unmarshal(messages[len(messages)-1].Payload, &state); err != nil {
		return nil, err
	}
	if value, ok := state[s.Point.Name]; ok {
		return value, nil
	}
	var reasons map[string]string
	if err := json.Unmarshal(state["errors"], &reasons); err != nil {
		return nil, err
	}
	return nil, errors.New(reasons[s.Point.Name])
}

// Order is a value for a point, as text.
type Order struct{ Point, Value string }

// Commands are the orders as they go to the driver: within the limits of their
// points, with scale and enum undone. Nothing is sent.
func (p *Probe) Commands(orders []Order) ([]drivers.Command, error) {
	object := make(map[string]string, len(orders))
	for _, o := range orders {
		object[o.Point] = o.Value
	}
	payload, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	r, err := p.table.Request(mqtt.Message{Topic: "device/" + p.device.ID + "/set", Payload: payload})
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
