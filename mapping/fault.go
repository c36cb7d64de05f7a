package mapping

import "strings"

// Fault is something wrong with one key of a point, so that the reader of the
// configuration can show its place.
type Fault struct {
	Device string
	Point  string // empty: the device itself is at fault
	Key    string // the key to blame; empty: the section itself
	Text   string // what is wrong, in a sentence that needs no more context
}

func (f Fault) String() string {
	place := f.Device
	for _, part := range []string{f.Point, f.Key} {
		if part != "" {
			place += "." + part
		}
	}
	return place + ": " + f.Text
}

// Faults is the error of Compile: all there are, in the order of the points.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}
