package gpio

import (
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Device is the driver's part of the section of a device.
type Device struct{}

// Address returns a line with its defaults: an input that is active high.
func (d *Device) Address() drivers.Address {
	return &Address{Bias: biasAsIs, Active: activeHigh, Initial: keep, OnStop: keep}
}

// The words of an Address.
const (
	biasAsIs   = "as-is"
	activeHigh = "high"
	activeLow  = "low"
	in         = "in"
	out        = "out"
	none       = "none"
	rising     = "rising"
	falling    = "falling"
	both       = "both"
	keep       = "keep"
	yes        = "true"
)

// Address is the driver's part of the section of a point: one line.
type Address struct {
	// Line is the name of the line, such as GPIO17, or its offset on the chip.
	Line string `yaml:"line" check:"required"`
	// Bias is the resistor of an input: as-is leaves it as it was found. Default as-is.
	Bias string `yaml:"bias" check:"oneof=as-is|disabled|pull-up|pull-down"`
	// Active is the level that counts as true. A contact to ground with a
	// pull-up is active low. Default high.
	Active string `yaml:"active" check:"oneof=high|low"`
	// Debounce is how long an input must hold a level before it counts. Default 0.
	Debounce configs.Duration `yaml:"debounce" check:"max=10s"`
	// Count makes the point a counter of pulses: of the edges to true (rising),
	// to false (falling), or both. Default: the point is the level itself.
	Count string `yaml:"count" check:"oneof=rising|falling|both"`
	// Direction is in or out. Default: out if the point has write, else in.
	Direction string `yaml:"direction" check:"oneof=in|out"`
	// Initial is the value that an output gets when the bus is opened: true,
	// false, or keep for the one it has. Default keep.
	Initial string `yaml:"initial" check:"oneof=true|false|keep"`
	// OnStop is the value that an output gets when the bus is closed: true,
	// false or keep. Default keep.
	OnStop string `yaml:"on_stop" check:"oneof=true|false|keep"`

	written bool // the point has write
}

var _ drivers.Address = (*Address)(nil)

// AllowWrite says that the configuration lets the point be written: its line
// is an output.
func (a *Address) AllowWrite() { a.written = true }

// Output says whether the line is an output.
func (a *Address) Output() bool {
	return a.Direction == out || a.written && a.Direction != in && !a.Counter()
}

// Counter says whether the point counts pulses.
func (a *Address) Counter() bool { return a.Count != "" }

// String is "line GPIO17".
func (a *Address) String() string { return "line " + a.Line }

// Kind is an integer for a counter and a bool for all others.
func (a *Address) Kind() drivers.Kind {
	if a.Counter() {
		return drivers.KindInt
	}
	return drivers.KindBool
}

// Writable is true for all but counters.
func (a *Address) Writable() bool { return !a.Counter() }

// flip turns a value into the level of the line, and back.
func (a *Address) flip(v bool) bool { return v != (a.Active == activeLow) }

// hold is the debounce time.
func (a *Address) hold() time.Duration { return a.Debounce.D() }

// counts says whether a change to v is one that the counter counts.
func (a *Address) counts(v bool) bool {
	return a.Count == both || a.Count == rising && v || a.Count == falling && !v
}

// edges are the edges of the line, not of the value, that must be heard.
func (a *Address) edges() string {
	switch {
	case !a.Counter() || a.hold() > 0:
		return both
	case a.Active == activeLow && a.Count == rising:
		return falling
	case a.Active == activeLow && a.Count == falling:
		return rising
	}
	return a.Count
}
