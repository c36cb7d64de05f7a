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
	if ticked {
		if err := s.attend(); err != nil {
			return s.blame(err)
		}
	}
	if err := s.advance(); err != nil || !ticked {
		return err
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

// advance writes what has gathered, and starts a new segment when the last one has
// its size.
func (s *Store) advance() error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.overflows() {
		return s.roll()
	}
	return nil
}

func (s *Store) overflows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grown()
}

// grown says whether the last segment has its size. Lock held.
func (s *Store) grown() bool { return s.pending.segment.end >= int64(s.cfg.Segment) }

// laden says whether advance should be called soon. Lock held.
func (s *Store) laden() bool { return len(s.pending.buf) > biggestSpare || s.grown() }

// due says whether it is time to sync.
func (s *Store) due(now time.Time) bool {
	s.mu.Lock()
	s.state.ages.beat(s.state.last)
	waits := s.state.ages.old > 0 || s.changed > s.synced.Load()
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
	spent := noRoom(s.reserve())
	free, err := s.disk.free(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	total, _ := s.size()
	s.full = nil
	s.room = int64(s.cfg.Max) - total
	if err == nil {
		s.room = min(s.room, free-int64(s.cfg.KeepFree))
	}
	if err == nil && free < int64(s.cfg.KeepFree) || total > int64(s.cfg.Max) || spent {
		s.full = ErrFull
	}
}

// health is what was last said about a store.
type health struct{ failing, full ailment }

// ailment is something that is wrong with a store, or is not.
type ailment struct {
	said bool
	last time.Time // when it was seen
}

// calm is how long nothing may be wrong before that is said: a disk that is full
// has a little room now and then.
const calm = 30 * time.Second

// see takes note, and says whether it has begun or is over.
func (a *ailment) see(ails bool, now time.Time) (begins, ends bool) {
	if ails {
		a.last = now
	}
	begins = ails && !a.said
	ends = a.said && now.Sub(a.last) >= calm
	a.said = a.said && !ends || begins
	return begins, ends
}

// report tells the log of a change, and Trouble what is wrong.
func (h *health) report(s *Store, err error) {
	now := time.Now()
	defer func() { h.tell(s, err) }()
	switch begins, ends := h.failing.see(err != nil, now); {
	case begins:
		s.log.Error("store fails, what needs it is not acknowledged", "error", err)
	case ends:
		s.log.Info("store works again")
	}
	switch begins, ends := h.full.see(s.isFull(), now); {
	case begins:
		s.log.Warn("store is full, what needs it is not acknowledged", "max", s.cfg.Max, "keep_free", s.cfg.KeepFree)
	case ends:
		s.log.Info("store has room again")
	}
}

func (h *health) tell(s *Store, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case h.failing.said && err != nil:
		s.trouble = err.Error()
	case h.failing.said: // it works now and then
	case h.full.said:
		s.trouble = ErrFull.Error()
	default:
		s.trouble = ""
	}
}

// Trouble is why what the store must keep is not acknowledged, empty if it is.
func (s *Store) Trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}
