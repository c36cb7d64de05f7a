package poll

import (
	"sync"
	"time"
)

// Stats are the loop's figures since the start.
type Stats struct {
	Open   bool
	Busy   time.Duration // spent in exchanges
	Polls  int64         // groups read
	Writes int64
	Missed int64 // instants of the schedule that passed unserved
}

type stats struct {
	mu sync.Mutex
	Stats
}

func (s *stats) polled(busy time.Duration, missed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Busy += busy
	s.Polls++
	s.Missed += int64(missed)
}

func (s *stats) wrote(busy time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Busy += busy
	s.Writes++
}

func (s *stats) opened(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Open = open
}

// Stats may be called from any goroutine.
func (l *Loop) Stats() Stats {
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	return l.stats.Stats
}
