package gpio

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"fieldmq/drivers"
)

// Check finds keys that do not fit the line's direction, and lines that are
// two points.
func (s *Settings) Check(points []*drivers.Point) []drivers.Conflict {
	var conflicts []drivers.Conflict
	owners := make(map[string]*drivers.Point, len(points))
	s.lineless = len(points) > 0
	for _, p := range points {
		a := p.At.(*Address)
		s.lineless = s.lineless && a.Dimmed()
		place := s.place(a)
		if owner, taken := owners[place]; taken {
			conflicts = append(conflicts, drivers.Conflict{Point: p, Key: "line", Text: a.taken(owner)})
			continue
		}
		owners[place] = p
		if key, text := a.contradiction(); key != "" {
			conflicts = append(conflicts, drivers.Conflict{Point: p, Key: key, Text: text})
		}
	}
	return conflicts
}

// place is the same for all names of a PWM chip, as far as this machine shows that
// they are of one. Lines are compared by name; the bus, which knows offsets, refuses
// two names for one of them.
func (s *Settings) place(a *Address) string {
	chip := a.PWM
	if a.Dimmed() && !s.simulated() {
		if dir, err := s.tree().find(a.PWM); err == nil {
			chip = filepath.Base(dir)
		}
	}
	return chip + " " + a.Line
}

// taken says that the place is that of another point.
func (a *Address) taken(owner *drivers.Point) string {
	switch at := owner.At.(*Address); {
	case !a.Dimmed():
		return fmt.Sprintf("%s is the point %s already", a.Line, owner)
	case at.PWM != a.PWM:
		return fmt.Sprintf("%s is the point %s already: %s is another name of %s", a, owner, a.PWM, at.PWM)
	}
	return fmt.Sprintf("%s is the point %s already", a, owner)
}

// contradiction is the first key that does not go with the others, empty if
// there is none.
func (a *Address) contradiction() (key, text string) {
	if a.Dimmed() {
		return a.contradictionOfPWM()
	}
	output := a.Output()
	switch {
	case strings.HasPrefix(a.Line, "-"):
		return "line", "is the name of a line, such as GPIO17, or its offset on the chip, from 0"
	case a.Frequency != 0:
		return "frequency", "goes with pwm"
	case a.Duty != nil:
		return "duty", "goes with pwm"
	case a.Counter() && a.Direction == out:
		return "count", "an output has no pulses to count; drop direction: out"
	case a.Counter() && a.Measure != "":
		return "measure", "stands beside count; make two points of two lines, or one of them"
	case a.Measure != "" && (a.Direction == out || a.written):
		return "measure", "an output has no pulses to measure"
	case a.Measure == "" && a.Window != 0:
		return "window", "goes with measure"
	case a.written && a.Direction == in:
		return "direction", "a line that is written is an output; drop direction: in"
	case output && a.Debounce != 0:
		return "debounce", "is for inputs; this line is an output"
	case output && a.Bias != biasAsIs:
		return "bias", "is for inputs; this line is an output"
	case !output && a.Initial != keep:
		return "initial", "is for outputs; this line is an input"
	}
	return "", ""
}

// contradictionOfPWM is contradiction for a PWM output.
func (a *Address) contradictionOfPWM() (key, text string) {
	channel, err := strconv.ParseUint(a.Line, 10, 31)
	switch {
	case strings.ContainsAny(a.PWM, "/ \t\n"):
		return "pwm", "is the name of a chip, such as pwmchip0, or of its device, without a path"
	case err != nil || strconv.FormatUint(channel, 10) != a.Line:
		return "line", "is the number of a channel, from 0, on a PWM output"
	case a.Direction == in:
		return "direction", "a PWM output is no input; drop direction: in"
	case a.pulses():
		return "pwm", "an output has no pulses to count or measure; make two points of it"
	case a.Debounce != 0:
		return "debounce", "is for inputs; this is a PWM output"
	case a.Bias != biasAsIs:
		return "bias", "is for inputs; this is a PWM output"
	case a.Initial != keep:
		return "initial", "is true or false; a PWM output begins with its duty"
	case a.Window != 0:
		return "window", "goes with measure"
	}
	return "", ""
}
