// Package pins simulates a GPIO chip behind a stream socket.
//
// A client sends lines of text and gets one answer each, in their order:
//
//	info                          chip <label> <n>, then n times: line <offset> <name>
//	input <offset> <bias> <edge>  ok <level>
//	output <offset> <level>       ok <level>
//	get <offset>                  ok <level>
//	release <offset>              ok 0
//	pwm <chip> <channel> <period in ns> <high|low>  ok <percent>
//	duty <chip> <channel> [<percent>]               ok <percent>
//
// where a bias is as-is, disabled, pull-up or pull-down, an edge none, rising,
// falling or both, and a level 0 or 1. What cannot be done is answered by
// error <text>. There are PWM outputs of any name; they begin with 0 percent, and
// keep what they got. Between answers the chip sends
//
//	edge <offset> <rising|falling> <unix-nanoseconds>
//
// for inputs that asked for it. A client holds the lines that it asked for until
// it releases them or its connection ends; outputs keep their level then.
package pins

import (
	"strconv"
	"time"

	"fieldmq/firmware-sim/faults"
)

// Line is one line of a chip and what it is wired to.
type Line struct {
	Name   string
	Wiring Wiring
	Period time.Duration // of Contact and Pulses: how long until all is as before
	To     string        // of Loop: the name of the line whose level it has
}

// moves says whether the line's wiring moves by itself.
func (l Line) moves() bool { return l.Wiring == Contact || l.Wiring == Pulses }

// Wiring is what a line is connected with outside of the chip.
type Wiring int

// The kinds of wiring.
const (
	Open    Wiring = iota // nothing: an input has the level of its bias
	Contact               // a switch to ground: reads 1 when open and pulled up
	Pulses                // a sensor that drives the line high for half of each period
	Loop                  // another line of the chip
)

// Config says what a chip is.
type Config struct {
	Label  string
	Lines  []Line         // their offsets are their places
	Faults *faults.Source // may be nil
}

// Header returns the lines GPIO0 to GPIO27 of a Raspberry Pi's header with a
// door contact at GPIO17, a flow sensor at GPIO27, and GPIO5 connected with
// GPIO22, where a lamp might be.
func Header() []Line {
	lines := make([]Line, 28)
	for i := range lines {
		lines[i].Name = "GPIO" + strconv.Itoa(i)
	}
	lines[17].Wiring, lines[17].Period = Contact, 8*time.Second
	lines[27].Wiring, lines[27].Period = Pulses, 300*time.Millisecond
	lines[5].Wiring, lines[5].To = Loop, "GPIO22"
	return lines
}
