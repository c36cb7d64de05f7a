package configs

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time span that is written with its unit: 300ms, 5s, 2m, 1h30m, 7d.
// A bare number is refused, because nobody can tell seconds from milliseconds.
type Duration time.Duration

// UnmarshalText reads a span of zero or more; it fails for a missing unit and
// for a negative span.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s = days + "h"
		return d.set(string(text), s, 24)
	}
	return d.set(s, s, 1)
}

func (d *Duration) set(written, s string, times time.Duration) error {
	if strings.Trim(s, "0123456789.") == "" && s != "" && s != "0" {
		return fmt.Errorf("%s has no unit; write %ss or %sms", written, written, written)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a time span such as 300ms, 5s, 2m or 1h", written)
	}
	if v < 0 {
		return fmt.Errorf("%s is negative", written)
	}
	if times > 1 && v > time.Duration(1<<63-1)/times {
		return fmt.Errorf("%s is too long", written)
	}
	*d = Duration(v * times)
	return nil
}

// D is the span as the time package knows it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the span the way it is written in YAML: 90s as 1m30s, without
// trailing zero units.
func (d Duration) String() string {
	s := time.Duration(d).String()
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
