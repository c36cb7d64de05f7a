// Package gpio reads and writes the lines of a GPIO chip, and counts pulses.
//
// A chip is one of the Linux kernel, driven through its character device (GPIO
// ABI version 2, kernel 5.10 and later), or a simulated one behind a unix
// socket; README.md has its protocol.
package gpio

import (
	"context"
	"log/slog"

	"fieldmq/drivers"
)

// Driver speaks to GPIO chips.
var Driver = drivers.Driver{
	Name: "gpio",
	Doc:  "The lines of a GPIO chip: contacts, pulse counters, relays; and PWM outputs.",
	New:  func() drivers.Settings { return &Settings{Chip: "/dev/gpiochip0"} },
}

// Settings is the section of a bus.
type Settings struct {
	// Chip is the path, the name or the label of a chip: /dev/gpiochip0,
	// gpiochip0, pinctrl-bcm2711; or the path of a simulated chip's socket. It need
	// not be there for PWM outputs alone. Default /dev/gpiochip0.
	Chip string `yaml:"chip"`

	// counts is where counters go on when the bus is opened again.
	counts map[*drivers.Point]int64

	lineless bool         // no point was a line when they were checked
	looking  bool         // and changing nothing
	tap      *drivers.Tap // nil until someone asks for it
	tape     *Tape        // in the place of the chip; else nil
	pwm      *pwmTree     // in the place of the kernel's; else nil
}

var (
	_ drivers.Settings = (*Settings)(nil)
	_ drivers.Checker  = (*Settings)(nil)
	_ drivers.Tapped   = (*Settings)(nil)
	_ drivers.Looker   = (*Settings)(nil)
)

// Device returns a device, which has no keys of its own.
func (s *Settings) Device() drivers.Device { return &Device{} }

// SetCount lets a counter go on from a count, such as that of the last run. It
// must not be called while the bus is open.
func (s *Settings) SetCount(p *drivers.Point, count int64) {
	if s.counts == nil {
		s.counts = make(map[*drivers.Point]int64)
	}
	s.counts[p] = count
}

// Count is what a counter had when the bus was closed, or was set to.
func (s *Settings) Count(p *drivers.Point) (count int64, ok bool) {
	count, ok = s.counts[p]
	return count, ok
}

// Tapped is where others may listen in on the levels of the lines. They hear of
// them in the order in which they become values.
func (s *Settings) Tapped() *drivers.Tap {
	if s.tap == nil {
		s.tap = &drivers.Tap{}
	}
	return s.tap
}

// OnlyLook has outputs read as they are.
func (s *Settings) OnlyLook() { s.looking = true }

// Play puts a recording in the place of the chip.
func (s *Settings) Play(t *Tape) { s.tape = t }

// Open opens the chip. Lines are requested when they are first used.
func (s *Settings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	if s.tape != nil {
		s.tape.start()
		return newBus(s.tape, s, log), nil
	}
	c, err := openChip(ctx, s.Chip)
	if err != nil && !s.NeedsChip() && ctx.Err() == nil {
		log.Debug("there is no chip, and no line that needs one", "error", err)
		c, err = newAbsent(s.Chip), nil
	}
	if err != nil {
		return nil, err
	}
	return newBus(c, s, log), nil
}
