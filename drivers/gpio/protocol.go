package gpio

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a simulated chip may say.
const (
	maxLines = 4096
	maxText  = 256 // bytes of one line of the protocol
)

// parseEdge reads "edge <offset> <rising|falling> <unix-nanoseconds>".
func parseEdge(text string) (edge, error) {
	f := strings.Fields(text)
	if len(f) != 4 || f[0] != "edge" || f[2] != rising && f[2] != falling {
		return edge{}, fmt.Errorf("%q is no edge", text)
	}
	offset, err := parseOffset(f[1])
	if err != nil {
		return edge{}, err
	}
	ns, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return edge{}, fmt.Errorf("%q is no time in nanoseconds", f[3])
	}
	return edge{offset: offset, level: f[2] == rising, at: time.Unix(0, ns)}, nil
}

func parseOffset(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n >= maxLines {
		return 0, fmt.Errorf("%q is no line offset below %d", text, maxLines)
	}
	return int(n), nil
}

// parseLevel reads "ok <0|1>" or "error <text>".
func parseLevel(answer string) (bool, error) {
	switch answer {
	case "ok 0":
		return false, nil
	case "ok 1":
		return true, nil
	}
	if text, refused := strings.CutPrefix(answer, "error "); refused {
		return false, refusal(text)
	}
	return false, fmt.Errorf("%w: the answer is %q", errLost, answer)
}

// parsePercent reads "ok <percent>" or "error <text>".
func parsePercent(answer string) (float64, error) {
	if text, refused := strings.CutPrefix(answer, "error "); refused {
		return 0, refusal(text)
	}
	text, ok := strings.CutPrefix(answer, "ok ")
	percent, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(percent >= 0 && percent <= 100) {
		return 0, fmt.Errorf("%w: the answer is %q", errLost, answer)
	}
	return percent, nil
}

// refusal is what a chip says of a request that it declines.
type refusal string

func (r refusal) Error() string {
	if r == "" {
		return "the chip declines"
	}
	return string(r)
}

// parseChip reads "chip <label> <number-of-lines>". A label may have blanks.
func parseChip(answer string) (lines int, err error) {
	rest, ok := strings.CutPrefix(answer, "chip ")
	last := strings.LastIndexByte(rest, ' ')
	if !ok || last < 0 {
		return 0, fmt.Errorf("%q is no chip", answer)
	}
	n, err := strconv.ParseUint(rest[last+1:], 10, 31)
	if err != nil || n > maxLines {
		return 0, fmt.Errorf("%q is no number of lines up to %d", rest[last+1:], maxLines)
	}
	return int(min(n, math.MaxInt32)), nil
}

// parseLine reads "line <offset> <name>"; the name may be empty.
func parseLine(answer string) (offset int, name string, err error) {
	rest, ok := strings.CutPrefix(answer, "line ")
	if !ok {
		return 0, "", fmt.Errorf("%q is no line", answer)
	}
	number, name, _ := strings.Cut(rest, " ")
	offset, err = parseOffset(number)
	return offset, name, err
}

// findLine is the offset of the line of a name, else of an offset in text.
// Names are given by offset.
func findLine(names map[string]int, count int, name string) (int, error) {
	if offset, ok := names[name]; ok {
		return offset, nil
	}
	offset, err := parseOffset(name)
	if err != nil {
		return 0, fmt.Errorf("the chip has no line %q", name)
	}
	if offset >= count {
		return 0, fmt.Errorf("the chip has %d lines, from 0", count)
	}
	return offset, nil
}
