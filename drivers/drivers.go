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
	// ErrUnsure: the device may or may not have done what a command told it,
	// because its answer is lost. Nothing is repeated by itself.
	ErrUnsure = errors.New("whether it was carried out is not known, and it is not repeated")
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

// WriteOnly is implemented by an Address whose place may be one that only takes
// writes: it is never read.
type WriteOnly interface {
	// WriteOnly is asked after AllowWrite.
	WriteOnly() bool
}

// Cyclic is implemented by an Address whose integers begin again with zero after
// the largest.
type Cyclic interface {
	// Cycle is how many different values there are; zero: more than matter.
	Cycle() uint64
}

// Bounded is implemented by an Address whose integers keep to what its type
// holds.
type Bounded interface {
	// Bounds are the least and the largest of the integers.
	Bounds() (lowest int64, highest uint64)
}

// Holder is implemented by an Address that knows, without its device, values that
// cannot be written there.
type Holder interface {
	// Holds fails for such a value, and says why.
	Holds(Value) error
}

// Rounder is implemented by an Address whose numbers have fewer digits than a Value.
type Rounder interface {
	// Rounded is what becomes of a number that is written there and read again.
	Rounded(float64) float64
}

// Checker is implemented by Settings that can find points which contradict
// each other, or that no request can fetch. Nothing is opened.
type Checker interface {
	// Check looks at all points of the bus at once.
	Check(points []*Point) []Conflict
}

// Exclusive is implemented by Settings that take something which no other bus
// can have at the same time.
type Exclusive interface {
	// Takes is what is taken, in the words of the file, and the key that says
	// so; empty if it is nothing.
	Takes() (key, what string)
}

// Looker is implemented by Settings whose bus changes something as soon as a point
// is read: outputs that begin with a value.
type Looker interface {
	// OnlyLook has the bus read, leave all as it is, and refuse to write. It is
	// called before the bus is opened.
	OnlyLook()
}

// Files is implemented by Settings that name files.
type Files interface {
	// Resolve makes names that are relative ones of a folder, that of the file
	// of the configuration.
	Resolve(dir string)
}

// Secured is implemented by Settings that use TLS.
type Secured interface {
	// Credentials are the files of the keys ca, cert and key; empty: none.
	Credentials() (ca, cert, key string)
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
	// leave it unchanged, so a driver may keep what it worked out for it. The
	// samples are the caller's until the same points are read again.
	//
	// A device is silent when every sample wraps ErrOffline.
	Read(ctx context.Context, points []*Point) ([]Sample, error)
	// Write gives one device the values in their order, in as few requests
	// as its protocol allows, and returns when the device has agreed to all.
	// It stops at the first failure; the error names the point, and wraps
	// ErrOffline or ErrRefused where they apply, or ErrBus if the bus is gone.
	// A command is sent at most once: where the answer to it is lost the error
	// wraps ErrUnsure too.
	Write(ctx context.Context, commands []Command) error
	// Close releases the bus and ends a Watch that still runs. It may be
	// called once.
	Close() error
}

// Learner is implemented by a Bus that learns of its devices what is worth
// keeping over a restart.
type Learner interface {
	// Lessons is what was learned of the device of a point, with the evidence, as
	// a JSON object; nil if it is nothing. It changes only when something new was
	// learned.
	Lessons(of *Point) []byte
	// Learn goes on with what Lessons gave; with nil all is forgotten. It fails
	// if the text cannot be read, and begins with nothing.
	Learn(of *Point, lessons []byte) error
}

// ErrBus marks an error of Write after which the bus must be opened again.
var ErrBus = errors.New("bus lost")

// Releaser is implemented by a Bus that holds something for each of its points
// for as long as it is open: a line of a chip, an ear on a line.
type Releaser interface {
	// Release lets go of what is held for points that are not asked for any
	// more. No other method runs at that time, Watch neither.
	Release(points []*Point) error
}

// Watcher is implemented by a Bus whose points may speak unasked: edges of a
// line, a scale that sends by itself.
type Watcher interface {
	// Watch calls emit for what comes in, from one goroutine, until ctx ends
	// or the bus is closed (then it returns nil), the bus is lost, or emit
	// fails. It runs beside Read and Write. The samples of one call belong to
	// whoever receives them. It may be called again once it has returned.
	Watch(ctx context.Context, points []*Point, emit func([]Sample) error) error
}

// Gatherer is implemented by a Bus that can have requests to several devices
// under way at the same time. To its owner it is still one bus: ReadAll is one
// call, and no other runs beside it.
type Gatherer interface {
	// Width is how many devices may be asked at a time; 1: no more than one.
	Width() int
	// ReadAll is Read for several groups of points, each of one device and no
	// two of the same.
	ReadAll(ctx context.Context, groups [][]*Point) ([][]Sample, error)
}

// Counts are what happened in the exchanges with a device since its bus was
// opened.
type Counts struct {
	Requests   uint64 // sent
	Answers    uint64 // good ones
	Exceptions uint64 // the device declined
	Silences   uint64 // nothing came
	Damaged    uint64 // something came, but no frame that was whole
	Repeated   uint64 // requests that were sent once more
	Late       uint64 // answers that came when nobody waited for them any more
	Foreign    uint64 // answers to another master on the line, and waits for them
}

// Plus is the sum of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		Requests:   c.Requests + d.Requests,
		Answers:    c.Answers + d.Answers,
		Exceptions: c.Exceptions + d.Exceptions,
		Silences:   c.Silences + d.Silences,
		Damaged:    c.Damaged + d.Damaged,
		Repeated:   c.Repeated + d.Repeated,
		Late:       c.Late + d.Late,
		Foreign:    c.Foreign + d.Foreign,
	}
}

// Counter is implemented by a Bus that counts its exchanges.
type Counter interface {
	// Counts is called by the owner of the bus with one of the device's points.
	Counts(of *Point) Counts
}
