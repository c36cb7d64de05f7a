package plan

import (
	"strconv"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/serial"
)

// teller tells what a bus will be asked, before it is.
type teller interface {
	// cost is how long points take that are read together.
	cost(points []*drivers.Point) time.Duration
	// tell notes in a device what a group of its points takes.
	tell(d *Device, g group)
}

// tellerOf is that of a bus's driver; nil if it cannot be told.
func tellerOf(settings drivers.Settings) teller {
	switch s := settings.(type) {
	case planner:
		return registers{s}
	case *serial.Settings:
		return messages{s}
	}
	return nil
}

// planner is a Modbus driver's Settings, which tell their reads beforehand.
type planner interface {
	Plan(points []*drivers.Point) []modbus.Request
}

// registers tells what Modbus devices are asked.
type registers struct{ planner }

func (t registers) cost(points []*drivers.Point) time.Duration {
	var sum time.Duration
	for _, r := range t.Plan(points) {
		sum += r.Time
	}
	return sum
}

func (t registers) tell(d *Device, g group) {
	for _, r := range t.Plan(g.points) {
		sent, received := r.Bytes()
		d.Requests = append(d.Requests, Request{
			Every:    configs.Duration(g.every),
			Unit:     r.Unit,
			Function: r.Table.Function(),
			Table:    r.Table.String(),
			First:    r.First,
			Count:    r.Count,
			Manual:   r.Table.Manual(r.First),
			Gap:      r.Gap,
			Bytes:    sent + received,
			Time:     milliseconds(r.Time),
			Points:   g.names(r.Points),
		})
	}
}

// messages tells what devices with a protocol of their own are asked, or say by
// themselves.
type messages struct{ *serial.Settings }

func (t messages) cost(points []*drivers.Point) time.Duration {
	var sum time.Duration
	for _, x := range t.Exchanges(points) {
		sum += x.Time
	}
	return sum
}

func (t messages) tell(d *Device, g group) {
	for _, x := range t.Exchanges(g.points) {
		m := Message{Every: configs.Duration(g.every), Bytes: len(x.Request) + max(x.Least, x.Most), Open: x.Most == 0, Points: g.names(x.Points)}
		if len(x.Request) == 0 {
			m.Fastest = t.Fastest(x)
		} else {
			m.Request, m.Time = strconv.QuoteToASCII(string(x.Request)), milliseconds(x.Time)
		}
		d.Messages = append(d.Messages, m)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// names are those of some of the group's points.
func (g group) names(of []int) []string {
	names := make([]string, len(of))
	for n, i := range of {
		names[n] = g.points[i].Name
	}
	return names
}
