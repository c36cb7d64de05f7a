package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// slack is how many bytes of records that count no more the log may hold beside
// as many as do count. It is small, so that what is delivered at once is removed
// before the kernel gets round to writing it to the disk.
const slack = 256 << 10

// worn are the oldest segments whose removal gives back most, for what of them
// must be copied; how many, and how many bytes that is. Where there is hardly room
// for copies, they are as few as give anything back.
func (s *Store) worn() (count int, gain int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for i, g := range s.segments {
		sum += g.end - int64(headerSize) - 2*g.live
		if sum > gain {
			count, gain = i+1, sum
		}
		if gain > 0 && !s.reserved {
			break
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
		if err := os.Remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.mu.Lock()
		s.segments = append([]*segment(nil), s.segments[1:]...)
		delete(s.state.segments, uint32(g.number))
		s.mu.Unlock()
	}
	return nil
}

// rewrite writes the facts that have their place in a segment anew.
func (s *Store) rewrite(g *segment) error {
	if !s.counts(g) {
		return nil
	}
	f := s.fetchers.Get().(*fetcher)
	defer func() {
		f.close()
		s.fetchers.Put(f)
	}()
	now := time.Now()
	var failed error
	_, err := f.scan(g, func(r record, at int64, size int) {
		if failed == nil && s.copy(r, place{g, at, size}, now) {
			failed = s.advance()
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody has removed it
		return fmt.Errorf("copy what counts: %w", err)
	}
	if failed != nil {
		return failed
	}
	if s.counts(g) {
		s.log.Error("records of the store cannot be read", "file", g.path)
		s.salvage(g)
	}
	return nil
}

// copy writes the fact of a record anew, if that still stands at this place. It says
// whether so much has gathered that it should be written.
func (s *Store) copy(r record, at place, now time.Time) (full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh := s.state.renew(r, at, now); fresh != nil {
		before := s.pending.segment.end
		s.put(fresh)
		s.figures.Copied.Add(s.pending.segment.end - before)
	}
	return s.laden()
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
