package configs_test

import (
	"encoding"
	"math"
	"testing"
	"time"

	"fieldmq/configs"
)

func TestDurationsAreWrittenWithTheirUnit(t *testing.T) {
	for _, c := range []struct {
		text, back string
		want       time.Duration
	}{
		{"0", "0s", 0},
		{"300ms", "300ms", 300 * time.Millisecond},
		{"1h30m", "1h30m", 90 * time.Minute},
		{"90s", "1m30s", 90 * time.Second},
		{"2m", "2m", 2 * time.Minute},
		{"60m", "1h", time.Hour},
		{"7d", "7d", 7 * 24 * time.Hour},
		{"0.5d", "12h", 12 * time.Hour},
		{"48h", "2d", 48 * time.Hour},
		{"106751d", "106751d", 106751 * 24 * time.Hour},
	} {
		var d configs.Duration
		if err := d.UnmarshalText([]byte(c.text)); err != nil || d.D() != c.want || d.String() != c.back {
			t.Errorf("%s: got %v (%d), %v", c.text, d, d, err)
		}
		roundTrip(t, c.text, d, &d)
	}
}

func TestSizesAreWrittenWithTheirUnit(t *testing.T) {
	for _, c := range []struct {
		text, back string
		want       configs.Size
	}{
		{"0B", "0B", 0},
		{"512KiB", "512KiB", 512 << 10},
		{"10MB", "10MB", 10e6},
		{"2GiB", "2GiB", 2 << 30},
		{"1024MiB", "1GiB", 1 << 30},
		{"9223372036854775807B", "9223372036854775807B", math.MaxInt64},
	} {
		var s configs.Size
		if err := s.UnmarshalText([]byte(c.text)); err != nil || s != c.want || s.String() != c.back {
			t.Errorf("%s: got %v (%d), %v", c.text, s, s, err)
		}
		roundTrip(t, c.text, s, &s)
	}
}

func roundTrip[T comparable, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, text string, value T, into P) {
	t.Helper()
	written, err := any(value).(encoding.TextMarshaler).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := into.UnmarshalText(written); err != nil || *into != value {
		t.Errorf("%s comes back from %s as %v, %v", text, written, *into, err)
	}
}

func TestUnitsAreRefused(t *testing.T) {
	for _, c := range []struct {
		text, want string
		into       encoding.TextUnmarshaler
	}{
		{"", `"" is not a time span such as 300ms, 5s, 2m or 1h`, new(configs.Duration)},
		{"d", `"d" is not a time span such as 300ms, 5s, 2m or 1h`, new(configs.Duration)},
		{"1h2d", `"1h2d" is not a time span such as 300ms, 5s, 2m or 1h`, new(configs.Duration)},
		{"5", "5 has no unit; write 5s or 5ms", new(configs.Duration)},
		{"-1s", "-1s is negative", new(configs.Duration)},
		{"106752d", "106752d is too long", new(configs.Duration)},
		{"", `"" is not a size such as 512KiB, 10MB or 2GiB`, new(configs.Size)},
		{"-1B", `"-1B" is not a size such as 512KiB, 10MB or 2GiB`, new(configs.Size)},
		{"1.5GiB", `"1.5GiB" is not a size such as 512KiB, 10MB or 2GiB`, new(configs.Size)},
		{"5", "5 has no unit; write 5MiB or 5B", new(configs.Size)},
		{"9223372036854775807kB", "9223372036854775807kB is too large", new(configs.Size)},
	} {
		if err := c.into.UnmarshalText([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

func FuzzUnits(f *testing.F) {
	for _, text := range []string{"300ms", "1h30m", "7d", "0.5d", "1h2d", "512KiB", "10MB", "9223372036854775807kB", "-1s", "5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d configs.Duration
		if d.UnmarshalText([]byte(text)) == nil {
			if d < 0 {
				t.Errorf("%s is %v", text, d)
			}
			roundTrip(t, text, d, new(configs.Duration))
		}
		var s configs.Size
		if s.UnmarshalText([]byte(text)) == nil {
			if s < 0 {
				t.Errorf("%s is %v", text, s)
			}
			roundTrip(t, text, s, new(configs.Size))
		}
	})
}
