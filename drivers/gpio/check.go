package gpio

import "fieldmq/drivers"

// Check finds keys that do not fit the line's direction, and lines that are
// two points.
func (s *Settings) Check(points []*drivers.Point) []drivers.Conflict {
	var conflicts []drivers.Conflict
	owners := make(map[string]*drivers.Point, len(points))
	for _, p := range points {
		a := p.At.(*Address)
		if owner, taken := owners[a.Line]; taken {
			conflicts = append(conflicts, drivers.Conflict{
				Point: p, Key: "line", Text: a.Line + " is the point " + owner.String() + " already",
			})
			continue
		}
		owners[a.Line] = p
		if key, text := a.contradiction(); key != "" {
			conflicts = append(conflicts, drivers.Conflict{Point: p, Key: key, Text: text})
		}
	}
	return conflicts
}

// contradiction is the first key that does not go with the others, empty if
// there is none.
func (a *Address) contradiction() (key, text string) {
	output := a.Output()
	switch {
	case a.Counter() && a.Direction == out:
		return "count", "an output has no pulses to count; drop direction: out"
	case a.written && a.Direction == in:
		return "direction", "a line that is written is an output; drop direction: in"
	case output && a.Debounce != 0:
		return "debounce", "is for inputs; this line is an output"
	case output && a.Bias != biasAsIs:
		return "bias", "is for inputs; this line is an output"
	case !output && a.Initial != keep:
		return "initial", "is for outputs; this line is an input"
	case !output && a.OnStop != keep:
		return "on_stop", "is for outputs; this line is an input"
	}
	return "", ""
}
