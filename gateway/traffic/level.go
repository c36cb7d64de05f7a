package traffic

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fieldmq/drivers"
)

// levelWord begins the level of a line. It is no hexadecimal number.
const levelWord = "line"

// levelText is a level as it stands in a recording.
func levelText(l *drivers.Level) string {
	what := word(l.High, "high", "low")
	if !l.Edge.IsZero() {
		what = word(l.High, "rising", "falling")
	}
	if l.Count > 0 {
		what += fmt.Sprintf(" #%d", l.Count)
	}
	if l.Held > 0 {
		what += " " + l.Held.String()
	}
	if !l.Edge.IsZero() {
		what += " " + l.Edge.UTC().Format(stamp)
	}
	return strings.TrimRight(fmt.Sprintf("%s %d %s %s", levelWord, l.Offset, what, l.Name), " ")
}

func word(high bool, yes, no string) string {
	if high {
		return yes
	}
	return no
}

// mostOffset bounds the offsets of lines.
const mostOffset = 1 << 16

// errLevel says what a level is.
var errLevel = errors.New(`a level is "line", its offset, high or low, and its name: line 17 high GPIO17; or an edge with its instant: line 17 rising ` + stamp + ` GPIO17, which may be debounced: line 17 rising 20ms ` + stamp)

// parseLevel reads the words behind the direction.
func parseLevel(words []string, sent bool) (*drivers.Level, error) {
	if len(words) < 3 {
		return nil, errLevel
	}
	offset, err := strconv.ParseUint(words[1], 10, 31)
	if err != nil || offset >= mostOffset {
		return nil, fmt.Errorf("%.20q is no offset of a line", words[1])
	}
	l := &drivers.Level{Offset: int(offset)}
	var name []string
	l.Count, name = parseCount(words[3:])
	switch words[2] {
	case "high", "low":
		l.High = words[2] == "high"
	case "rising", "falling":
		l.High = words[2] == "rising"
		if sent {
			return nil, errors.New("an edge comes from the chip: its direction is <")
		}
		l.Held, name = parseHeld(name)
		if len(name) == 0 {
			return nil, errLevel
		}
		if l.Edge, err = parseInstant(name[0]); err != nil {
			return nil, err
		}
		name = name[1:]
	default:
		return nil, fmt.Errorf("%.20q is not high, low, rising or falling", words[2])
	}
	l.Name = strings.Join(name, " ")
	return l, nil
}

// parseCount reads what a counter had counted, if it had.
func parseCount(words []string) (count int64, rest []string) {
	if len(words) == 0 || words[0][0] != '#' {
		return 0, words
	}
	count, err := strconv.ParseInt(words[0][1:], 10, 64)
	if err != nil || count <= 0 {
		return 0, words
	}
	return count, words[1:]
}

// parseHeld reads for how long an edge was debounced, if it was.
func parseHeld(words []string) (held time.Duration, rest []string) {
	if len(words) == 0 {
		return 0, nil
	}
	if held, err := time.ParseDuration(words[0]); err == nil && held > 0 {
		return held, words[1:]
	}
	return 0, words
}

func parseInstant(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	at = at.Truncate(time.Microsecond) // which is what String keeps
	if err != nil || at.IsZero() {
		return time.Time{}, fmt.Errorf("%.40q is not an instant such as %s", text, stamp)
	}
	return at, nil
}
