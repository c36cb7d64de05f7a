package mapping

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Deadband is the change of a number that is not worth a message. The zero
// Deadband is none: every change is.
type Deadband struct {
	Width   float64 // in the unit of the point, or in percent; not negative
	Percent bool    // of the value that was sent last
}

// UnmarshalText reads "0.2" or "1%".
func (d *Deadband) UnmarshalText(text []byte) error {
	digits, percent := strings.CutSuffix(string(text), "%")
	width, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || math.IsNaN(width) || math.IsInf(width, 0) {
		return fmt.Errorf("%q is neither a number such as 0.2 nor a share such as 1%%", text)
	}
	if width < 0 {
		return fmt.Errorf("%s is negative", text)
	}
	if percent && width > 100 {
		return fmt.Errorf("%s is more than the whole value", text)
	}
	*d = Deadband{Width: width, Percent: percent}
	return nil
}

// String is the deadband as it is written in YAML.
func (d Deadband) String() string {
	s := strconv.FormatFloat(d.Width, 'f', -1, 64)
	if d.Percent {
		return s + "%"
	}
	return s
}

// MarshalText writes String.
func (d Deadband) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ConfigForms is what may be written, for the schema.
func (Deadband) ConfigForms() []any { return []any{0.0, ""} }

// left says whether value lies further from sent than the deadband is wide.
// 21.6 is not further from 21.4 than 0.2, whatever binary fractions make of it.
func (d Deadband) left(sent, value float64) bool {
	width := d.Width
	if d.Percent {
		width *= math.Abs(sent) / 100
	}
	noise := 1e-14 * max(math.Abs(sent), math.Abs(value))
	return math.Abs(value-sent)-width > noise
}
