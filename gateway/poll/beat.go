package poll

import (
	"cmp"
	"slices"
	"time"
)

// Bounds are the upper ends, in seconds, of the spans that Durations counts.
var Bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}

// Durations is how long the reads of groups took.
type Durations struct {
	Below [10]int64 // those not longer than each of Bounds
	Sum   time.Duration
	Count int64
}

func (d *Durations) add(span time.Duration) {
	d.Count++
	d.Sum += span
	for i, bound := range Bounds {
		if span.Seconds() <= bound {
			d.Below[i]++
		}
	}
}

// longestIdle is how long a loop with nothing to do sleeps at most, so that its
// beat can be told from one that hangs.
const longestIdle = 5 * time.Second

// beat notes that the loop is about to do something.
func (s *stats) beat(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Beat = now
}

// told keeps what is known of a device for others to see.
func (s *stats) told(h Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health == nil {
		s.health = map[string]Health{}
	}
	s.health[h.Device] = h
}

// dismiss forgets a device.
func (s *stats) dismiss(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.health, device)
}

// Healths are those of the devices after their last polls, by id. It may be
// called from any goroutine. One that was not polled yet is not among them.
func (l *Loop) Healths() []Health {
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	var all []Health
	for _, h := range l.stats.health {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Health) int { return cmp.Compare(a.Device, b.Device) })
	return all
}
