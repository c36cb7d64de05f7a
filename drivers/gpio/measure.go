package gpio

import (
	"strconv"
	"time"
)

// What a line can be measured for.
const (
	frequency = "frequency"
	duty      = "duty"
)

// meter measures the pulses of a line by the times of their edges, over a
// window of time. It has no clock of its own.
type meter struct {
	what   string
	window time.Duration
	level  bool
	rises  []time.Time     // the last ones, the oldest first
	highs  []time.Duration // how long each pulse lasted; the last may be under way
}

// mostPulses bounds what is kept of a fast line: so many are exact enough.
const mostPulses = 2048

// edge takes a change of the value.
func (m *meter) edge(v bool, at time.Time) {
	if v == m.level && len(m.rises) > 0 {
		return // an edge between was lost
	}
	m.level = v
	if v {
		m.rises = append(m.rises, at)
		m.highs = append(m.highs, -1)
		if len(m.rises) > mostPulses {
			m.drop(len(m.rises) - mostPulses)
		}
		return
	}
	if n := len(m.rises); n > 0 {
		m.highs[n-1] = at.Sub(m.rises[n-1])
	}
}

func (m *meter) drop(n int) {
	m.rises = append(m.rises[:0], m.rises[n:]...)
	m.highs = append(m.highs[:0], m.highs[n:]...)
}

// value is the frequency in hertz or the duty in percent at an instant, at
// which the line has a level.
func (m *meter) value(level bool, now time.Time) float64 {
	old := 0
	for old < len(m.rises) && now.Sub(m.rises[old]) > m.window {
		old++
	}
	m.drop(old)
	if m.what == duty {
		return measured(m.duty(level))
	}
	return measured(m.frequency(now))
}

// measured leaves a value the digits that the times of edges are good for: they
// come some microseconds late, each time some others.
func measured(v float64) float64 {
	const digits = 6
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	return v
}

// frequency is that of the pulses in the window. One that slows down shows as
// soon as the next pulse is overdue.
func (m *meter) frequency(now time.Time) float64 {
	n := len(m.rises)
	if n < 2 {
		return 0
	}
	span := m.rises[n-1].Sub(m.rises[0])
	if span <= 0 {
		return 0
	}
	f := float64(n-1) / span.Seconds()
	if since := now.Sub(m.rises[n-1]).Seconds(); since*f > 2 {
		return 1 / since
	}
	return f
}

// duty is the part of the whole periods in the window during which the value
// was true; of a line that rests it is 0 or 100.
func (m *meter) duty(level bool) float64 {
	var high, all time.Duration
	for i := 0; i+1 < len(m.rises); i++ {
		if m.highs[i] >= 0 {
			high += m.highs[i]
			all += m.rises[i+1].Sub(m.rises[i])
		}
	}
	switch {
	case all > 0:
		return 100 * high.Seconds() / all.Seconds()
	case level:
		return 100
	}
	return 0
}
