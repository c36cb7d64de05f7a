// Package faults breaks simulated devices on demand: "boiler late 800ms 30%".
package faults

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a way to be broken.
type Kind string

// The kinds of faults. Those that only spoil the answer let a request take
// effect before; a silent device or one that answers with an exception does
// nothing.
const (
	Silence   Kind = "silence"    // no answer
	Late      Kind = "late"       // the answer comes after the client gave up
	Slow      Kind = "slow"       // the answer takes long
	Exception Kind = "exception"  // the answer is an exception
	Garbage   Kind = "garbage"    // stray bytes before or after the answer
	CRC       Kind = "crc"        // the checksum is wrong
	Truncate  Kind = "truncate"   // the answer ends early
	WrongUnit Kind = "wrong-unit" // the answer says that it is another device's
	Foreign   Kind = "foreign"    // a frame that is none of the client's business precedes the answer
	Noise     Kind = "noise"      // bytes are damaged on their way, so many percent of them
	Duplicate Kind = "duplicate"  // the answer comes twice
	Short     Kind = "short"      // an answer with less in it than was asked for, whole in itself
	Long      Kind = "long"       // an answer with more in it than was asked for, whole in itself
	Master    Kind = "master"     // another master asks the device, and is answered, before the answer
	Echo      Kind = "echo"       // the line hears the request and gives it back before the answer
	NoSensor  Kind = "no-sensor"  // a sensor is broken off; the device says so
)

// usual is what a fault is when nothing more is said.
var usual = map[Kind]Fault{
	Silence:   {Percent: 100},
	Late:      {Percent: 100, Delay: 1500 * time.Millisecond},
	Slow:      {Percent: 100, Delay: 50 * time.Millisecond},
	Exception: {Percent: 100, Code: 4},
	Garbage:   {Percent: 100},
	CRC:       {Percent: 100},
	Truncate:  {Percent: 100},
	WrongUnit: {Percent: 100},
	Foreign:   {Percent: 100},
	Noise:     {Percent: 1},
	Duplicate: {Percent: 100},
	Short:     {Percent: 100},
	Long:      {Percent: 100},
	Master:    {Percent: 100},
	Echo:      {Percent: 100},
	NoSensor:  {Percent: 100},
}

// Kinds returns all kinds of faults in alphabetical order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(usual)) }

// Fault is one way in which a device is broken.
type Fault struct {
	Kind    Kind
	Delay   time.Duration // of Late and Slow, up to a minute
	Code    byte          // of Exception
	Percent float64       // how many answers it strikes; above 0, up to 100
	For     time.Duration // it heals after that; zero: it stays
}

// String is the fault as Parse reads it.
func (f Fault) String() string {
	s := string(f.Kind)
	switch f.Kind {
	case Late, Slow:
		s += " " + f.Delay.String()
	case Exception:
		s += " " + strconv.Itoa(int(f.Code))
	}
	if f.Percent != usual[f.Kind].Percent {
		s += " " + strconv.FormatFloat(f.Percent, 'g', -1, 64) + "%"
	}
	if f.For > 0 {
		s += " for " + f.For.String()
	}
	return s
}

// The longest spans that a fault may name.
const (
	longestDelay = time.Minute
	longestFor   = 24 * time.Hour
	longestText  = 200
)

// Parse reads "meter silence", "boiler late 800ms 30%", "meter exception 6
// 10% for 20s". For "meter ok" the fault has no kind.
func Parse(text string) (device string, f Fault, err error) {
	if len(text) > longestText {
		return "", f, fmt.Errorf("a fault is no longer than %d characters", longestText)
	}
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return "", f, fmt.Errorf("%q is not a device and a fault, such as \"meter silence\" or \"meter ok\"", text)
	}
	device, kind := fields[0], Kind(fields[1])
	if kind == "ok" {
		if len(fields) > 2 {
			return "", f, fmt.Errorf("nothing stands after ok, which takes all faults off")
		}
		return device, f, nil
	}
	f, known := usual[kind]
	if !known {
		return "", f, fmt.Errorf("%q is not a fault; there are %s and ok", kind, list(Kinds()))
	}
	f.Kind = kind
	for rest := fields[2:]; len(rest) > 0; {
		if rest, err = f.option(rest); err != nil {
			return "", Fault{}, err
		}
	}
	return device, f, nil
}

// option takes one option from words, which are not empty, and returns the rest.
func (f *Fault) option(words []string) ([]string, error) {
	word, rest := words[0], words[1:]
	percent, isPercent := strings.CutSuffix(word, "%")
	switch {
	case word == "for":
		if len(rest) == 0 {
			return nil, fmt.Errorf("for how long? write for 20s")
		}
		return rest[1:], span(&f.For, rest[0], longestFor)
	case isPercent:
		return rest, f.setPercent(percent)
	case f.Kind == Late || f.Kind == Slow:
		return rest, span(&f.Delay, word, longestDelay)
	case f.Kind == Exception:
		code, err := strconv.ParseUint(word, 10, 8)
		if err != nil || code == 0 {
			return nil, fmt.Errorf("%q is not an exception code from 1 to 255", word)
		}
		f.Code = byte(code)
		return rest, nil
	}
	return nil, fmt.Errorf("%s knows no %q, only a share such as 30%% and a span such as for 20s", f.Kind, word)
}

func (f *Fault) setPercent(number string) error {
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0 && v <= 100) {
		return fmt.Errorf("%s%% is not a share above 0%% and up to 100%%", number)
	}
	f.Percent = v
	return nil
}

func span(to *time.Duration, word string, longest time.Duration) error {
	d, err := time.ParseDuration(word)
	if err != nil {
		return fmt.Errorf("%q is not a time span such as 300ms or 5s", word)
	}
	if d <= 0 || d > longest {
		return fmt.Errorf("%s is not a time span up to %s", word, longest)
	}
	*to = d
	return nil
}

func list[S ~string](all []S) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}
