// Package mapping turns samples of points into messages on topics, and messages
// back into commands. It is the one package that knows both the language of the
// field (package drivers) and that of the message side (package broker/mqtt). It
// does no I/O and keeps no time: a Table is told what was read and when.
//
// A device speaks on device/<id>/status, info, state, health and on one topic for
// each point, and listens on device/<id>/<point>/set, device/<id>/set and
// device/<id>/get. Values go out by exception: when they leave their deadband,
// when their quality changes, and at each heartbeat if a sample vouches for them.
package mapping

import (
	"strconv"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// Device is a device with its points, as the configuration has it.
type Device struct {
	ID     string
	Name   string // for people; may be empty
	Model  string // "Eastron SDM630"; may be empty
	Driver string // "modbus-rtu"
	Bus    string // name of the bus
	Via    string // id of the gateway
	// Reporting is the default of the points that the device was given. Its
	// QoS and Retain hold for state.
	Reporting Reporting
	Points    []Entry // in the order of the configuration, which is that of state and info
	// Computed are points without a place of their own; their addresses are
	// Formulas. They come behind the others.
	Computed []Entry
}

// Entry is a point and what is said of it.
type Entry struct {
	Point *drivers.Point
	Rule  Rule
	Every time.Duration // how often it is read; zero: unknown, or it speaks unasked
	// WriteOnly points are never read: their rule or their place says so.
	WriteOnly bool
}

// Table maps the points of one bus. Messages, Number and Forget belong to the loop that
// owns the bus; all other methods only read what Compile made and may be called
// at any time from any goroutine.
type Table struct {
	devices []*device
	points  map[*drivers.Point]*point
	byID    map[string]*device
	targets map[string]target // by the topic that commands come on

	losses   []Loss
	batch    uint64         // number of the call of Messages
	messages []mqtt.Message // of the last call of Messages
	touched  []*device      // by the batch at hand
	stamp    stamp
}

// target is what a command topic is about: a point, or a device and get or not.
type target struct {
	device *device
	point  *point // nil: the device
	get    bool
}

// device is a Device and what was last said of its state.
type device struct {
	Device
	points   []*point
	byName   map[string]*point
	info     mqtt.Message
	formulas []*point          // in the order in which they are computed
	counted  bool              // since Counts was called
	last     []drivers.Command // what is written when the gateway stops

	topic                    string        // of state
	heartbeat, expiry, every time.Duration // the shortest of the points; zero: none

	touched, news bool
	said          time.Time // when state was sent; zero: never
	buffer        []byte    // where state is put together
}

// point is an Entry and what was last heard and said of it.
type point struct {
	Entry
	device *device
	topic  string
	key    string // `,"voltage":`
	codec  codec
	quoted bool // the value is a string in JSON
	expiry time.Duration

	total   *total   // nil: it does not count
	formula *formula // nil: it is what it reads
	batch   uint64   // when it was last heard

	heard heard
	said  said
}

// Number is the value that a point was last heard with, if it is a number and
// nothing was wrong with it. It belongs to the loop, as Messages does.
func (t *Table) Number(at *drivers.Point) (v float64, ok bool) {
	p := t.points[at]
	if p == nil || p.heard.reason != "" || !p.known() {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(p.heard.text), 64)
	return v, err == nil
}

// Filters is what the table listens to for a device.
func (t *Table) Filters(device string) []mqtt.Filter {
	d := t.byID[device]
	if d == nil {
		return nil
	}
	base := root + d.ID
	filters := []mqtt.Filter{mqtt.Filter(base + set), mqtt.Filter(base + get), mqtt.Filter(base + "/+" + set)}
	for _, p := range d.points {
		if p.Rule.Topic != "" {
			filters = append(filters, mqtt.Filter(p.topic+set))
		}
	}
	return filters
}

// Clear is the messages that take all that is retained of a device off the
// broker, when the device is gone for good. [MQTT-3.3.1-6]
func (t *Table) Clear(device string) []mqtt.Message {
	return Empty(t.Topics(device)...)
}
