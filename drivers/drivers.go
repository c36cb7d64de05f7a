// Package drivers is the language of the field side: points, samples, values
// and commands, and what a driver must do with them.
//
// A driver reads and writes points of devices on one bus and knows nothing of
// topics, schedules or other buses. Package drivers/driverstest holds what
// every driver must do, package drivers/all the list of those there are.
package drivers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Point is one quantity of a device: its place on the bus and what it is
// called. Points are made once, when the configuration is read, are never
// changed, and are compared by address.
type Point struct {
	Device string  // id of the device
	Name   string  // unique within the device
	At     Address // where its driver finds it
}

// String is "device/point".
func (p *Point) String() string { return p.Device + "/" + p.Name }

// Address is a point's place on its bus. Only its driver looks inside: it is a
// pointer to a struct that carries the YAML keys of one point, and String says
// the place in the bus's own words ("unit 2 holding 101", "line GPIO17").
type Address interface {
	fmt.Stringer
	// Kind is the kind of value that a read gives.
	Kind() Kind
	// Writable says whether the place takes writes by its nature; the
	// configuration decides whether they are allowed.
	Writable() bool
}

// Sample is the value of a point at an instant.
type Sample struct {
	Point *Point
	Time  time.Time // when the value was on the wire, not when it was handled
	Value Value     // valid while Err is nil
	// Err says why there is no value, in a few words that stand beside the
	// point's name: "illegal data address", "no answer". It wraps ErrOffline
	// if the device was silent, ErrRefused if it answered and declined.
	Err error
}

// Command is a value to be written to a point.
type Command struct {
	Point *Point
	Value Value // in the point's own terms: scale and enum are already undone
}

// Errors tell callers what they can do, by errors.Is.
var (
	// ErrOffline: the device did not answer; try later.
	ErrOffline = errors.New("no answer")
	// ErrRefused: the device answered and declined; asking the same again
	// will not help.
	ErrRefused = errors.New("refused")
	// ErrNoValue: the device answered that it has no value for the point (a
	// sentinel word, a sensor that is not plugged in).
	ErrNoValue = errors.New("no value")
)

// Driver is a kind of bus.
type Driver struct {
	Name string          // the YAML's word for it: "modbus-rtu"
	Doc  string          // one sentence for the reference
	New  func() Settings // an empty section with the defaults filled in
}

// Settings is the YAML section of one bus: a pointer to a struct with yaml
// tags. A Validate method, where there is one, checks it.
//
// Settings, Device and Address form a cascade: each hands what it was told to
// the next as defaults.
type Settings interface {
	// Device is the driver's part of a device's section, with the defaults
	// of this bus.
	Device() Device
	// Open makes the bus ready. It is the one call that touches hardware and
	// the network; ctx bounds it, and the bus outlives ctx. The bus may be
	// opened again after Close.
	Open(ctx context.Context, log *slog.Logger) (Bus, error)
}

// Device is the driver's part of a device's YAML section: a pointer to a
// struct with yaml tags (unit id, word order, ...).
type Device interface {
	// Address is the driver's part of a point's section, empty but for the
	// defaults of the device.
	Address() Address
}

// Output is implemented by an Address whose place is one thing when it is only
// read and another when it is written too: a line of a chip is an input or an
// output.
type Output interface {
	// AllowWrite is called when the point may be written, before the bus is
	// opened.
	AllowWrite()
}

// Checker is implemented by Settings that can find points which contradict
// each other, or that no request can fetch. Nothing is opened.
type Checker interface {
	// Check looks at all points of the bus at once.
	Check(points []*Point) []Conflict
}

// Conflict is a fault of the YAML key of a point.
type Conflict struct {
	Point *Point
	Key   string // the key to blame, may be empty
	Text  string // what is wrong, in a sentence that needs no more context
}

// Bus is one shared line: one exchange at a time, one owner. No method is
// called while another one runs, but for Watcher.Watch.
type Bus interface {
	// Read asks one device for some of its points and returns one sample a
	// point, in order. What concerns a point or the device stands in the
	// samples; an error means that the bus itself is gone and must be closed
	// and opened again. Callers ask for the same slice again and again and
	// leave it unchanged, so a driver may keep what it worked out for it.
	//
	// A device is silent when every sample wraps ErrOffline.
	Read(ctx context.Context, points []*Point) ([]Sample, error)
	// Write gives one device the values in their order, in as few requests
	// as its protocol allows, and returns when the device has agreed to all.
	// It stops at the first failure; the error names the point, and wraps
	// ErrOffline or ErrRefused where they apply, or ErrBus if the bus is gone.
	Write(ctx context.Context, commands []Command) error
	// Close releases the bus and ends a Watch that still runs. It may be
	// called once.
	Close() error
}

// ErrBus marks an error of Write after which the bus must be opened again.
var ErrBus = errors.New("bus lost")

// Watcher is implemented by a Bus whose points may speak unasked: edges of a
// line, a scale that sends by itself.
type Watcher interface {
	// Watch calls emit for what comes in, from one goroutine, until ctx ends
	// or the bus is closed (then it returns nil), the bus is lost, or emit
	// fails. It runs beside Read and Write. The samples of one call belong to
	// whoever receives them.
	Watch(ctx context.Context, points []*Point, emit func([]Sample) error) error
}
