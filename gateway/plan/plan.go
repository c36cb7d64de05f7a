// Package plan works out what a site will cost before anything is opened: the
// requests that its buses will carry, how much of their time these take, and
// the messages that come of them. The requests are those of the driver's own
// planner, as it would send them to devices that have not answered yet.
package plan

import (
	"fmt"
	"slices"

	"fieldmq/configs"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// Plan is what a site will do. The gateway's own figures are not counted.
type Plan struct {
	Buses []Bus `json:"buses"` // in file order
	// Retained is the number of messages that the broker keeps.
	Retained int `json:"retained"`
	// Volume is what one subscriber of everything gets.
	Volume
	Upstreams []Upstream `json:"upstreams,omitempty"` // in file order
}

// Volume is bytes of MQTT a day, before TLS and TCP: when nothing ever changes,
// and when every value changes in every poll.
type Volume struct {
	Quiet int64 `json:"bytes_a_day_quiet"`
	Busy  int64 `json:"bytes_a_day_busy"`
}

// Upstream is what goes to an upstream while its link holds.
type Upstream struct {
	Name string `json:"name"`
	// Told says whether that can be told: it has no format of its own.
	Told bool `json:"told"`
	Volume
	config *gateway.Upstream
}

// Bus is one bus with what it will carry.
type Bus struct {
	Name   string `json:"name"`
	Driver string `json:"driver"`
	Place  string `json:"place"` // port and line, or address
	// Told says whether the driver can tell its requests beforehand. If not,
	// loads are zero, and nobody knows.
	Told bool    `json:"told"`
	Load float64 `json:"load"` // seconds of the bus a second
	// Open says that the load is the least: an answer may be longer than what is
	// looked for in it.
	Open    bool     `json:"at_least,omitempty"`
	Devices []Device `json:"devices"`
	Advice  []string `json:"advice,omitempty"` // when it is too much, or nearly
}

// Device is one device with its share of the bus.
type Device struct {
	ID       string    `json:"id"`
	Load     float64   `json:"load"`               // seconds of the bus a second
	Open     bool      `json:"at_least,omitempty"` // the load is the least
	Requests []Request `json:"requests,omitempty"` // of Modbus
	Messages []Message `json:"messages,omitempty"` // of text and binary frames
	Points   []Point   `json:"points"`
}

// Request is one read that is sent again and again.
type Request struct {
	Every    configs.Duration `json:"every"`
	Unit     byte             `json:"unit"`
	Function byte             `json:"function"`
	Table    string           `json:"table"`
	First    int              `json:"first"` // from 0
	Count    int              `json:"count"`
	Manual   string           `json:"manual"` // what manuals call the first: 30001
	Gap      int              `json:"gap"`    // of Count, what no point needs
	Bytes    int              `json:"bytes"`  // on the wire, both ways
	Time     float64          `json:"ms"`     // of the bus
	Points   []string         `json:"points"`
}

// Message is what a device with a protocol of its own answers again and again, or
// says by itself.
type Message struct {
	Request string           `json:"request,omitempty"` // with escapes; empty: it speaks by itself
	Every   configs.Duration `json:"every"`             // of the request, or of looking for what came
	Bytes   int              `json:"bytes"`             // on the wire, both ways
	Time    float64          `json:"ms,omitempty"`      // of the bus, for a request
	// Open says that bytes and time are the least.
	Open bool `json:"at_least,omitempty"`
	// Fastest is how often in a second the wire can carry what comes unasked.
	Fastest float64  `json:"most_a_second,omitempty"`
	Points  []string `json:"points"`
}

// Point is a point with its place and its topic.
type Point struct {
	Name   string           `json:"name"`
	Place  string           `json:"place"`            // "unit 2 holding 101"
	Manual string           `json:"manual,omitempty"` // 40102, on Modbus
	Type   string           `json:"type"`
	Unit   string           `json:"unit,omitempty"` // UCUM
	Every  configs.Duration `json:"every"`
	Topic  string           `json:"topic"`
	Write  bool             `json:"write,omitempty"`
}

// New plans a site.
func New(config *gateway.Config) (*Plan, error) {
	p := &Plan{}
	for i := range config.Upstreams {
		u := &config.Upstreams[i]
		p.Upstreams = append(p.Upstreams, Upstream{Name: u.Name, Told: u.Plain(), config: u})
	}
	for _, b := range config.Buses {
		planned, err := p.bus(b, config.General.ID)
		if err != nil {
			return nil, fmt.Errorf("bus %s: %w", b.Name, err)
		}
		p.Buses = append(p.Buses, planned)
	}
	return p, nil
}

func (p *Plan) bus(b gateway.Bus, id string) (Bus, error) {
	teller := tellerOf(b.Settings)
	bus := Bus{Name: b.Name, Driver: b.Driver, Place: b.Place(), Told: teller != nil}
	devices := make([]mapping.Device, len(b.Devices))
	for i, d := range b.Devices {
		devices[i] = d.Device
	}
	table, err := mapping.Compile(devices)
	if err != nil {
		return bus, err
	}
	var groups []group
	for i := range b.Devices {
		d := &b.Devices[i]
		traffic := measure(table, d)
		p.Retained += traffic.retained
		for _, f := range traffic.flows {
			p.count(f, id)
		}
		device := Device{ID: d.ID, Points: points(d, traffic.topics)}
		if teller != nil {
			own := groupsOf(d, teller.cost)
			for _, g := range own {
				teller.tell(&device, g)
			}
			device.Load, device.Open = load(own), device.open()
			groups = append(groups, own...)
		}
		bus.Open = bus.Open || device.Open
		bus.Devices = append(bus.Devices, device)
	}
	bus.Load = load(groups)
	bus.Advice = advise(groups)
	return bus, nil
}

// open says whether a request of the device may take longer than is known.
func (d *Device) open() bool {
	return slices.ContainsFunc(d.Messages, func(m Message) bool { return m.Open && m.Request != "" })
}

// count adds a flow of messages to what everybody gets.
func (p *Plan) count(f flow, gateway string) {
	p.add(f, f.message)
	for i := range p.Upstreams {
		u := &p.Upstreams[i]
		if sent, ok := u.config.Sends(f.message, gateway, u.Name); ok && u.Told {
			u.add(f, sent)
		}
	}
}

func points(d *gateway.Device, topics []string) []Point {
	entries := slices.Concat(d.Points, d.Computed)
	all := make([]Point, len(entries))
	for i, e := range entries {
		all[i] = Point{
			Name:  e.Point.Name,
			Place: e.Point.At.String(),
			Type:  e.Point.At.Kind().String(),
			Unit:  e.Rule.Unit,
			Every: configs.Duration(e.Every),
			Topic: topics[i],
			Write: e.Rule.Write.Allowed,
		}
		if at, ok := e.Point.At.(*modbus.Address); ok {
			all[i].Type = at.ValueType().String()
			all[i].Manual = at.Manual()
		}
	}
	return all
}
