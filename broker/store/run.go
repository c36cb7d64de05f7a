package store

import (
	"context"
	"time"
)

// beat is how often Run looks after things, at least.
const beat = 500 * time.Millisecond

// longest is how long anything stays off the disk with Sync adaptive; the
// kernel would not wait much longer by itself.
const longest = 30 * time.Second

// Run writes what nobody waits for, syncs as the policy says, and removes what
// counts no more, until ctx ends. What fails is tried again.
func (s *Store) Run(ctx context.Context) error {
	period := beat
	if every := s.cfg.Sync.every; every > 0 {
		period = min(period, every)
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var health health
	for {
		ticked := false
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-ticker.C:
			ticked = true
		}
		if err := s.take(ctx); err != nil {
			return nil //nolint:nilerr // the end of ctx is no failure
		}
		err := s.tend(ticked)
		s.yield()
		health.report(s, err)
	}
}

// tend is one round of Run.
func (s *Store) tend(ticked bool) error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.overflows() {
		if err := s.roll(); err != nil {
			return err
		}
	}
	if !ticked {
		return nil
	}
	if s.due(time.Now()) {
		if err := s.sync(); err != nil {
			return err
		}
	}
	err := s.clean()
	s.checkRoom()
	return err
}

func (s *Store) overflows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending.segment.end >= int64(s.cfg.Segment)
}

// due says whether it is time to sync.
func (s *Store) due(now time.Time) bool {
	s.mu.Lock()
	s.state.ages.beat()
	waits := s.state.ages.old > 0 || s.state.changed
	s.mu.Unlock()
	if s.since.IsZero() {
		return false
	}
	age := now.Sub(s.since)
	switch {
	case s.cfg.Sync.always:
		return true
	case s.cfg.Sync.every > 0:
		return age+min(beat, s.cfg.Sync.every) > s.cfg.Sync.every
	case waits:
		return age >= beat
	}
	return age >= longest
}

// checkRoom finds out whether messages may still be taken.
func (s *Store) checkRoom() {
	free, err := s.disk.free(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	total, _ := s.size()
	s.full = nil
	if err == nil && free < int64(s.cfg.KeepFree) || total > int64(s.cfg.Max) {
		s.full = ErrFull
	}
}

// health is what was last said about a store.
type health struct{ failing, full bool }

// report tells the log of a change.
func (h *health) report(s *Store, err error) {
	failing, full := err != nil, s.isFull()
	switch {
	case failing && !h.failing:
		s.log.Error("store fails, what needs it is not acknowledged", "error", err)
	case !failing && h.failing:
		s.log.Info("store works again")
	}
	switch {
	case full && !h.full:
		s.log.Warn("store is full, what needs it is not acknowledged", "max", s.cfg.Max, "keep_free", s.cfg.KeepFree)
	case !full && h.full:
		s.log.Info("store has room again")
	}
	h.failing, h.full = failing, full
}
