package store

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// What stands here is called by whoever holds the right to write.

// biggestSpare is what a buffer may hold on to between batches, in bytes, and
// how much gathers before Run writes it although nobody waits.
const biggestSpare = 256 << 10

// flush writes what has gathered. What cannot be written stays, and is tried
// again by the next call.
func (s *Store) flush() error {
	s.mu.Lock()
	s.enqueue()
	broken := s.broken
	s.mu.Unlock()
	switch {
	case broken != nil:
		return broken
	case s.misplaced != nil:
		return s.blame(s.misplaced)
	}
	for len(s.queue) > 0 {
		b := &s.queue[0]
		if err := s.write(b); err != nil {
			return s.blame(fmt.Errorf("write to the store: %w", err))
		}
		if s.since.IsZero() {
			s.since = time.Now()
		}
		s.arrived(b)
		s.last = b.last
		s.written.Add(uint64(len(b.buf)))
		s.figures.Written.Add(int64(len(b.buf)))
		if cap(b.buf) <= biggestSpare {
			s.spare = b.buf
		}
		s.queue = slices.Delete(s.queue, 0, 1)
	}
	return s.blame(nil)
}

// arrived notes that a batch is in its file.
func (s *Store) arrived(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.segment.flushed = b.at + int64(len(b.buf))
}

// enqueue closes the pending batch. Lock held.
func (s *Store) enqueue() {
	if len(s.pending.buf) == 0 {
		return
	}
	s.pending.last = s.state.last
	s.queue = append(s.queue, s.pending)
	s.pending = batch{segment: s.pending.segment, at: s.pending.segment.end, buf: s.spare[:0]}
	s.spare = nil
}

// blame notes what became of an attempt to write.
func (s *Store) blame(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
	return err
}

// roll starts a new segment.
func (s *Store) roll() error {
	if err := s.flush(); err != nil {
		return err
	}
	old := s.pending.segment // only this goroutine changes it
	next, err := s.create(old.number + 1)
	if err != nil {
		return s.blame(fmt.Errorf("start a segment of the store: %w", err))
	}
	s.mu.Lock()
	s.enqueue()
	s.segments = append(s.segments, next)
	s.pending = batch{segment: next, at: next.end}
	end := old.end
	s.mu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	return old.seal(end, &s.disk)
}

// retryAfter is how long a disk that failed to sync is left alone.
const retryAfter = time.Second

var errSyncFailed = errors.New("the disk failed to sync a moment ago")

// sync returns when what was flushed is on the disk.
func (s *Store) sync() error {
	switch {
	case s.since.IsZero():
		return nil
	case time.Since(s.failed) < retryAfter:
		return errSyncFailed
	}
	written, last := s.written.Load(), s.last
	if err := s.syncSegments(); err != nil {
		s.failed = time.Now()
		return err
	}
	s.synced.Store(written)
	s.mu.Lock()
	s.state.ages.sync(last)
	s.mu.Unlock()
	s.since = time.Time{}
	return nil
}

// syncSegments syncs each segment that was written to. For one of them that
// fails there is another try, in a new segment.
func (s *Store) syncSegments() (failed error) {
	for i := 0; i < len(s.segments); i++ { // abandon adds one
		g := s.segments[i]
		if !g.dirty {
			continue
		}
		s.figures.Syncs.Add(1)
		if err := g.sync(&s.disk); err != nil {
			if failed != nil {
				return errors.Join(failed, err)
			}
			failed = err
			if err := s.abandon(g); err != nil {
				return errors.Join(failed, err)
			}
		}
		if g != s.pending.segment {
			g.close()
		}
	}
	return nil
}

// abandon writes what still counts of a segment into a new one: after a sync
// that failed, neither its data nor a second sync can be relied on.
func (s *Store) abandon(g *segment) error {
	if g == s.pending.segment {
		if err := s.roll(); err != nil {
			return err
		}
	}
	if err := s.rewrite(g); err != nil {
		return err
	}
	g.dirty = false
	return nil
}
