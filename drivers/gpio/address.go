package gpio

import (
	"fmt"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Device is the driver's part of the section of a device.
type Device struct{}

// Address returns a line with its defaults: an input that is active high.
func (d *Device) Address() drivers.Address {
	return &Address{Bias: biasAsIs, Active: activeHigh, Initial: keep}
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
	no         = "false"
)

// Address is the driver's part of the section of a point: one line.
type Address struct {
	// Line is the name of the line, such as GPIO17, or its offset on the chip; with
	// pwm the number of the channel, from 0.
	Line string `yaml:"line" check:"required"`
	// PWM makes the point a PWM output, whose value is its duty in percent, and names
	// the PWM chip: pwmchip0, or its device, such as fe20c000.pwm. Those of
	// /sys/class/pwm can be had, whatever the chip of the bus is. Default: the point
	// is a line.
	PWM string `yaml:"pwm"`
	// Frequency is that of a PWM output, in hertz. Default 1000.
	Frequency float64 `yaml:"frequency" check:"min=0.1,max=50000000"`
	// Duty is what a PWM output gets when the bus is opened, in percent, before scale
	// and offset. Default: it keeps the one that it has.
	Duty *float64 `yaml:"duty" check:"min=0,max=100"`
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
	// Measure makes the point a measurement of pulses: their frequency in hertz, or
	// their duty, the part of the time during which the value is true, in percent.
	// Default: the point is the level itself.
	Measure string `yaml:"measure" check:"oneof=frequency|duty"`
	// Window is the time over which pulses are measured; one that lasts longer
	// reads as none. Default 1s.
	Window configs.Duration `yaml:"window" check:"min=10ms,max=1m"`
	// Direction is in or out. Default: out if the point has write, else in.
	Direction string `yaml:"direction" check:"oneof=in|out"`
	// Initial is the value that an output gets when the bus is opened: true,
	// false, or keep for the one it has. Default keep.
	Initial Initial `yaml:"initial"`

	written bool // the point has write
}

var _ drivers.Address = (*Address)(nil)

// Initial is true, false or keep.
type Initial string

// UnmarshalText reads keep, or what other booleans may be, such as off.
func (i *Initial) UnmarshalText(text []byte) error {
	v, ok := configs.ParseBool(string(text))
	switch {
	case string(text) == keep:
		*i = keep
	case !ok:
		return fmt.Errorf("%q is not true, false or keep", text)
	case v:
		*i = yes
	default:
		*i = no
	}
	return nil
}

// MarshalText is the word.
func (i Initial) MarshalText() ([]byte, error) { return []byte(i), nil }

// ConfigForms is a bool, or keep.
func (Initial) ConfigForms() []any { return []any{false, keep} }

// AllowWrite says that the configuration lets the point be written: its line
// is an output.
func (a *Address) AllowWrite() { a.written = true }

// Output says whether the line is an output.
func (a *Address) Output() bool {
	return a.Dimmed() || a.Direction == out || a.written && a.Direction != in && !a.pulses()
}

// Counter says whether the point counts pulses.
func (a *Address) Counter() bool { return a.Count != "" }

// Measured says whether the point is a measurement of pulses.
func (a *Address) Measured() bool { return a.Measure != "" }

// pulses says whether the point is about pulses, not about a level.
func (a *Address) pulses() bool { return a.Counter() || a.Measure != "" }

// window is the time over which pulses are measured.
func (a *Address) window() time.Duration {
	if a.Window == 0 {
		return time.Second
	}
	return a.Window.D()
}

// String is "line GPIO17", or "pwmchip0 channel 1".
func (a *Address) String() string {
	if a.Dimmed() {
		return a.PWM + " channel " + a.Line
	}
	return "line " + a.Line
}

// Kind is an integer for a counter, a number for a measurement and for a PWM
// output, and a bool for all others.
func (a *Address) Kind() drivers.Kind {
	switch {
	case a.Counter():
		return drivers.KindInt
	case a.Measure != "", a.Dimmed():
		return drivers.KindFloat
	}
	return drivers.KindBool
}

// Writable is true for all but pulses.
func (a *Address) Writable() bool { return !a.pulses() }

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
	case !a.Counter() || a.hold() > 0: // a measurement needs both, too
		return both
	case a.Active == activeLow && a.Count == rising:
		return falling
	case a.Active == activeLow && a.Count == falling:
		return rising
	}
	return a.Count
}
