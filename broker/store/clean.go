package store

import (
	"fmt"
	"os"
	"time"
)

// slack is how many bytes of records that count no more the log may hold beside
// as many as do count. It is small, so that what is delivered at once is removed
// before the kernel gets round to writing it to the disk.
const slack = 256 << 10

// worn are the oldest segments whose removal gives back most, for what of them
// must be copied; how many, and how many bytes that is.
func (s *Store) worn() (count int, gain int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for i, g := range s.segments {
		sum += g.end - int64(headerSize) - 2*g.live
		if sum > gain {
			count, gain = i+1, sum
		}
	}
	return count, gain
}

// clean removes segments once that is worth the copying of what still counts
// of them: no more is ever copied than is given back. The copies are on the
// disk before the segments go, and so are those that stay, for what they hold may
// stand in the place of what goes.
func (s *Store) clean() error {
	count, gain := s.worn()
	if gain == 0 || gain < slack && !s.isFull() {
		return nil
	}
	if count == len(s.segments) {
		if err := s.roll(); err != nil {
			return err
		}
	}
	victims := s.segments[:count]
	for _, g := range victims {
		if err := s.rewrite(g); err != nil {
			return err
		}
		g.dirty = false
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	return s.remove(count)
}

// remove removes the oldest segments, each only after those before it: a
// record is never without the later ones that it takes to be understood.
func (s *Store) remove(count int) error {
	for range count {
		g := s.segments[0]
		g.close()
		if err := os.Remove(g.path); err != nil {
			return err
		}
		s.mu.Lock()
		s.segments = append([]*segment(nil), s.segments[1:]...)
		s.mu.Unlock()
	}
	return nil
}

// rewrite writes the facts that have their place in a segment anew.
func (s *Store) rewrite(g *segment) error {
	if !s.counts(g) {
		return nil
	}
	text, err := os.ReadFile(g.path)
	if err != nil {
		return fmt.Errorf("copy what counts: %w", err)
	}
	now := time.Now()
	scan(g.salt, text, func(r record, at int64, size int) {
		s.mu.Lock()
		if fresh := s.state.renew(r, place{g, at, size}, now); fresh != nil {
			before := s.pending.segment.end
			s.put(fresh)
			s.figures.Copied.Add(s.pending.segment.end - before)
		}
		full := len(s.pending.buf) > biggestSpare
		s.mu.Unlock()
		if full && err == nil {
			err = s.flush()
		}
	})
	if err == nil && s.counts(g) {
		s.log.Error("records of the store cannot be read", "file", g.path)
	}
	return err
}

func (s *Store) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full != nil
}

func (s *Store) counts(g *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.live > 0
}
