package poll

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"fieldmq/drivers"
)

// Stats are the loop's figures since the start.
type Stats struct {
	Open   bool
	Busy   time.Duration // spent in exchanges
	Polls  int64         // groups read
	Writes int64
	Lent   int64         // exchanges of others: see Exchange
	Missed int64         // instants of the schedule that passed unserved
	Starts int64         // reads that began when they were due, or later
	Late   time.Duration // how much later, all of them together

	Wanted float64          // polls a second that the schedule asks for
	Errors map[string]int64 // polls in which a point failed, by the words for why
	Reason string           // why the bus is not open; empty: it is

	Durations Durations // of Polls
	Beat      time.Time // when the loop last began to do something; it never rests long
}

// mostErrors is how many kinds of failure are told apart; all others are one.
const (
	mostErrors  = 20
	otherErrors = "other"
)

type stats struct {
	mu sync.Mutex
	Stats
	health map[string]Health // of devices that were polled
}

func (s *stats) polled(busy time.Duration, missed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Busy += busy
	s.Polls++
	s.Durations.add(busy)
	s.Missed += int64(missed)
}

// started notes how much later than its instant a read begins.
func (s *stats) started(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Starts++
	s.Late += max(late, 0)
}

func (s *stats) wrote(busy time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Busy += busy
	s.Writes++
}

func (s *stats) lent(busy time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Busy += busy
	s.Lent++
}

func (s *stats) opened(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Open = open
	if open {
		s.Reason = ""
	}
}

// down says why the bus is not open.
func (s *stats) down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Reason = err.Error()
}

// failed counts what went wrong in a poll, each kind once.
func (s *stats) failed(samples []drivers.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen []string
	for _, sample := range samples {
		if sample.Err == nil || errors.Is(sample.Err, drivers.ErrNoValue) {
			continue
		}
		kind := sample.Err.Error()
		if slices.Contains(seen, kind) {
			continue
		}
		seen = append(seen, kind)
		if s.Errors == nil {
			s.Errors = map[string]int64{}
		}
		if _, known := s.Errors[kind]; !known && len(s.Errors) >= mostErrors {
			kind = otherErrors
		}
		s.Errors[kind]++
	}
}

// schedule says how many polls a second the jobs ask for.
func (s *stats) schedule(jobs []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Wanted = 0
	for _, j := range jobs {
		s.Wanted += float64(time.Second) / float64(j.Every)
	}
}

// Stats may be called from any goroutine.
func (l *Loop) Stats() Stats {
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	s := l.stats.Stats
	s.Errors = maps.Clone(s.Errors)
	return s
}
