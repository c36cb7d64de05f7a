package configs

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Duration is a time span that is written with its unit: 300ms, 5s, 2m, 1h30m, 7d.
// A bare number is refused, because nobody can tell seconds from milliseconds.
type Duration time.Duration

// UnmarshalText reads a span of zero or more; it fails for a missing unit and
// for a negative span.
func (d *Duration) UnmarshalText(text []byte) error {
	written := string(text)
	span, times := written, time.Duration(1)
	if days, ok := strings.CutSuffix(written, "d"); ok && isDecimal(days) {
		span, times = days+"h", 24
	}
	if isDecimal(written) && written != "0" {
		return fmt.Errorf("%s has no unit; write %ss or %sms", written, written, written)
	}
	v, err := time.ParseDuration(span)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a time span such as 300ms, 5s, 2m or 1h", quote(written))
	case v < 0:
		return fmt.Errorf("%s is negative", written)
	case v > math.MaxInt64/times:
		return fmt.Errorf("%s is too long", written)
	}
	*d = Duration(v * times)
	return nil
}

func isDecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}

// D is the span as the time package knows it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the span the way it is written in YAML, without trailing zero
// units: 1m30s, 2h, 7d.
func (d Duration) String() string {
	if v := d.D(); v > 0 && v%day == 0 {
		return fmt.Sprintf("%dd", v/day)
	}
	s := d.D().String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
