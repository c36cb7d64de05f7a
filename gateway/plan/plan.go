// Package plan works out what a site will cost before anything is opened: the
// requests that its buses will carry, how much of their time these take, and
// the messages that come of them. The requests are those of the driver's own
// planner, as it would send them to devices that have not answered yet.
package plan

import (
	"fmt"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/gpio"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// Plan is what a site will do. The gateway's own figures are not counted.
type Plan struct {
	Buses []Bus `json:"buses"` // in file order
	// Retained is the number of messages that the broker keeps.
	Retained int `json:"retained"`
	// Quiet and Busy are bytes of MQTT a day to one subscriber of everything:
	// when nothing ever changes, and when every value changes in every poll.
	Quiet int64 `json:"bytes_a_day_quiet"`
	Busy  int64 `json:"bytes_a_day_busy"`
}

// Bus is one bus with what it will carry.
type Bus struct {
	Name   string `json:"name"`
	Driver string `json:"driver"`
	Place  string `json:"place"` // port and line, or address
	// Told says whether the driver can tell its requests beforehand. If not,
	// loads are zero, and nobody knows.
	Told    bool     `json:"told"`
	Load    float64  `json:"load"` // seconds of the bus a second
	Devices []Device `json:"devices"`
	Advice  []string `json:"advice,omitempty"` // when it is too much, or nearly
}

// Device is one device with its share of the bus.
type Device struct {
	ID       string    `json:"id"`
	Load     float64   `json:"load"` // seconds of the bus a second
	Requests []Request `json:"requests,omitempty"`
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

// teller is a driver's Settings that tell their reads beforehand.
type teller interface {
	Plan(points []*drivers.Point) []modbus.Request
}

// New plans a site.
func New(config *gateway.Config) (*Plan, error) {
	p := &Plan{}
	for _, b := range config.Buses {
		planned, err := p.bus(b)
		if err != nil {
			return nil, fmt.Errorf("bus %s: %w", b.Name, err)
		}
		p.Buses = append(p.Buses, planned)
	}
	return p, nil
}

func (p *Plan) bus(b gateway.Bus) (Bus, error) {
	settings, told := b.Settings.(teller)
	bus := Bus{Name: b.Name, Driver: b.Driver, Place: place(b.Settings), Told: told}
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
		p.Quiet += traffic.quiet
		p.Busy += traffic.busy
		device := Device{ID: d.ID, Points: points(d, traffic.topics)}
		if told {
			own := groupsOf(d, settings)
			device.Requests = requests(own)
			device.Load = load(own)
			groups = append(groups, own...)
		}
		bus.Devices = append(bus.Devices, device)
	}
	bus.Load = load(groups)
	bus.Advice = advise(groups)
	return bus, nil
}

// place is where a bus is, for people.
func place(s drivers.Settings) string {
	switch s := s.(type) {
	case *modbus.TCPSettings:
		return s.Host
	case *gpio.Settings:
		return s.Chip
	case fmt.Stringer: // a serial line
		return s.String()
	}
	return ""
}

func points(d *gateway.Device, topics []string) []Point {
	all := make([]Point, len(d.Points))
	for i, e := range d.Points {
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
			all[i].Manual = at.Table().Manual(at.First())
		}
	}
	return all
}
