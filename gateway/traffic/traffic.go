// Package traffic is the file format of recordings of what passed on buses: lines
// of text that a person can read, grep and cut.
//
//	# fieldmq traffic 1
//	# bus panel modbus-rtu /dev/ttyUSB0 9600 8E1
//	2026-11-28T19:10:00.123456Z panel > 01 03 00 00 00 02 C4 0B
//	2026-11-28T19:10:00.141007Z panel < 01 03 04 00 00
//	2026-11-28T19:10:00.143120Z panel < 43 66 4A 49
//	2026-11-28T19:10:00.150022Z pins < line 17 high GPIO17
//	2026-11-28T19:10:00.163010Z pins < line 17 falling 2026-11-28T19:10:00.162944Z GPIO17
//	2026-11-28T19:10:00.180471Z pins > line 22 high GPIO22
//	2026-11-28T19:10:00.217120Z pins < line 17 rising 20ms 2026-11-28T19:10:00.197006Z GPIO17
//	2026-11-28T19:10:00.220011Z pins < pwm 1 62.5% pwmchip0
//
// A line is an instant in UTC with microseconds, the name of the bus, the
// direction (> was sent, < was received) and the bytes in hexadecimal, as they
// were handed over by the system: what comes in several pieces stands in several
// lines. On a serial line the instant of > is that of the first bit, and that of <
// the one at which the bytes were read.
//
// A bus of the lines of a chip has levels in place of bytes: the word line, the
// offset on the chip, what there was, and the name of the line, as the
// configuration has it. high and low are levels that were read (<) or set (>),
// rising and falling are edges with their own instants, as the chip has
// them, and before these the time for which the chip has debounced them, if it has.
// Before that stands behind a # what a counter of the line had counted, if it had.
// They stand in the order in which the gateway took them. A PWM output has the word
// pwm, its channel, its duty, and the name of its chip.
//
// Lines that begin with # are remarks; those that begin with "# bus" say what a bus
// is, the first line what this is.
package traffic

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"fieldmq/drivers"
)

// Title is the first line of a recording.
const Title = "# fieldmq traffic 1"

// stamp is the form of instants.
const stamp = "2006-01-02T15:04:05.000000Z"

// Line is one line of a recording.
type Line struct {
	Bus string
	drivers.Traffic
}

// String is the line without its end.
func (l Line) String() string {
	direction := "<"
	if l.Sent {
		direction = ">"
	}
	return fmt.Sprintf("%s %s %s %s", l.At.UTC().Format(stamp), l.Bus, direction, Content(l.Traffic))
}

// Content is what passed: bytes in hexadecimal, the level of a line, or a duty.
func Content(t drivers.Traffic) string {
	if t.Duty != nil {
		return dutyText(t.Duty)
	}
	if t.Level != nil {
		return levelText(t.Level)
	}
	return fmt.Sprintf("% X", t.Bytes)
}

// Bus is what a recording says of a bus.
type Bus struct{ Name, Driver, Place string }

// String is its line.
func (b Bus) String() string { return strings.TrimRight("# bus "+b.Name+" "+b.Driver+" "+b.Place, " ") }

// Recording is a recording that was read.
type Recording struct {
	Buses []Bus // in their order
	Lines []Line
}

// longest is the length in bytes of the longest line.
const longest = 1 << 16

// Read reads a recording. name is that of the file in errors, which say the
// number of the line that is wrong.
func Read(name string, from io.Reader) (*Recording, error) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, longest)
	r := &Recording{}
	n := 1
	for ; in.Scan(); n++ {
		text := strings.TrimSpace(in.Text())
		if n == 1 && text != Title {
			return nil, fmt.Errorf("%s:1: this is no recording of traffic, which begins with %q", name, Title)
		}
		if err := r.add(text); err != nil {
			return nil, fmt.Errorf("%s:%d: %w; correct this line, or delete it", name, n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n, err)
	}
	if len(r.Buses) == 0 && len(r.Lines) == 0 {
		return nil, fmt.Errorf("%s: there is nothing in this recording", name)
	}
	return r, nil
}

func (r *Recording) add(text string) error {
	if rest, is := strings.CutPrefix(text, "# bus "); is {
		name, rest, _ := strings.Cut(rest, " ")
		driver, place, _ := strings.Cut(rest, " ")
		r.Buses = append(r.Buses, Bus{name, driver, place})
		return nil
	}
	if text == "" || strings.HasPrefix(text, "#") {
		return nil
	}
	l, err := Parse(text)
	if err != nil {
		return err
	}
	r.Lines = append(r.Lines, l)
	return nil
}

// Parse reads one line.
func Parse(text string) (Line, error) {
	fields := strings.Fields(text)
	if len(fields) < 4 {
		return Line{}, fmt.Errorf("%.60q is not an instant, a bus, > or <, and bytes, a level or a duty", text)
	}
	at, err := parseInstant(fields[0])
	if err != nil {
		return Line{}, err
	}
	if fields[2] != ">" && fields[2] != "<" {
		return Line{}, fmt.Errorf("%.20q is not the direction > or <", fields[2])
	}
	l := Line{fields[1], drivers.Traffic{At: at, Sent: fields[2] == ">"}}
	switch fields[3] {
	case levelWord:
		l.Level, err = parseLevel(fields[3:], l.Sent)
		return l, err
	case dutyWord:
		l.Duty, err = parseDuty(fields[3:])
		return l, err
	}
	l.Bytes, err = hex.DecodeString(strings.Join(fields[3:], ""))
	if err != nil {
		return Line{}, fmt.Errorf("the bytes are not hexadecimal: %w", err)
	}
	return l, nil
}

// On are the lines of one bus, in their order.
func (r *Recording) On(bus string) []drivers.Traffic {
	var on []drivers.Traffic
	for _, l := range r.Lines {
		if l.Bus == bus {
			on = append(on, l.Traffic)
		}
	}
	return on
}

// Names are the buses that have lines, in the order of their first ones.
func (r *Recording) Names() []string {
	var names []string
	seen := map[string]bool{}
	for _, l := range r.Lines {
		if !seen[l.Bus] {
			seen[l.Bus] = true
			names = append(names, l.Bus)
		}
	}
	return names
}
