package gpio

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
)

// pulsed is a meter that has heard n pulses of a period, and the instant after
// the last period.
func pulsed(what string, n int, period, high time.Duration) (*meter, time.Time) {
	m := &meter{what: what, window: time.Second}
	now := origin
	for range n {
		m.edge(true, now)
		m.edge(false, now.Add(high))
		now = now.Add(period)
	}
	return m, now
}

func TestPulsesAreMeasured(t *testing.T) {
	for _, c := range []struct {
		name         string
		what         string
		n            int
		period, high time.Duration
		later        time.Duration
		want         float64
	}{
		{"50 Hz", frequency, 100, 20 * ms, 5 * ms, 0, 50},
		{"more than is kept", frequency, 5000, 100 * time.Microsecond, 10 * time.Microsecond, 0, 10000},
		{"a line that stopped a moment ago", frequency, 100, 20 * ms, 5 * ms, 180 * ms, 5},
		{"a line that stopped", frequency, 100, 20 * ms, 5 * ms, 2 * time.Second, 0},
		{"a single pulse", frequency, 1, 20 * ms, 5 * ms, 0, 0},
		{"a quarter", duty, 100, 20 * ms, 5 * ms, 0, 25},
		{"a line at rest", duty, 100, 20 * ms, 5 * ms, 2 * time.Second, 0},
	} {
		m, now := pulsed(c.what, c.n, c.period, c.high)
		if got := m.value(false, now.Add(c.later)); math.Abs(got-c.want) > 0.001*c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if len(m.rises) > mostPulses {
			t.Errorf("%s: %d pulses are kept", c.name, len(m.rises))
		}
	}
	if got := (&meter{what: duty, window: time.Second}).value(true, origin); got != 100 {
		t.Errorf("a line that is always true: %v %%", got)
	}
}

func TestLostEdgesDoNotSpoilAMeasurement(t *testing.T) {
	m, now := pulsed(duty, 50, 20*ms, 5*ms)
	m.edge(true, now)
	m.edge(true, now.Add(20*ms)) // the fall between was lost
	m.edge(false, now.Add(25*ms))
	if got := m.value(false, now.Add(40*ms)); math.Abs(got-25) > 1 {
		t.Errorf("%v %%, want 25", got)
	}
}

func TestMeasuredLineIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		speed := point("speed", func(a *Address) { a.Line, a.Measure = "1", frequency })
		share := point("share", func(a *Address) { a.Line, a.Measure, a.Active = "2", duty, activeLow })
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		if got := values(t, b, speed, share); got[0].Float() != 0 || got[1].Float() != 100 {
			t.Errorf("at rest: %v", got)
		}
		for range 20 {
			f.set(1, true)
			f.set(2, true)
			time.Sleep(3 * ms)
			f.set(1, false)
			time.Sleep(time.Duration(2) * ms)
			f.set(2, false)
			time.Sleep(5 * ms)
		}
		synctest.Wait()
		got := values(t, b, speed, share)
		if math.Abs(got[0].Float()-100) > 1 || math.Abs(got[1].Float()-50) > 1 {
			t.Errorf("%v, want 100 Hz and 50 %%", got)
		}
		time.Sleep(5 * time.Second)
		if got := values(t, b, speed, share); got[0].Float() != 0 || got[1].Float() != 100 {
			t.Errorf("at rest again: %v", got)
		}
	})
}

func TestWindowIsASecondUnlessSaid(t *testing.T) {
	a := (&Device{}).Address().(*Address)
	if a.window() != time.Second {
		t.Error(a.window())
	}
	if a.Window = configs.Duration(5 * time.Second); a.window() != 5*time.Second {
		t.Error(a.window())
	}
}

func TestMeasurementHasNoMoreDigitsThanItIsGoodFor(t *testing.T) {
	for _, c := range []struct {
		what   string
		period time.Duration
		want   float64
	}{{frequency, 50518123 * time.Nanosecond, 19.7949}, {duty, 30 * ms, 16.6667}} {
		if m, now := pulsed(c.what, 10, c.period, 5*ms); m.value(false, now) != c.want {
			t.Errorf("%s: %v, want %v", c.what, m.value(false, now), c.want)
		}
	}
}
