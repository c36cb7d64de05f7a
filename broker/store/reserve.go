package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// A log only ever gets smaller by what is written to it. So that this can be done on
// a disk that others have filled to the last byte, a file holds some room, which is
// given up then. While there is none, no message is taken.
const (
	reserveName = "reserve"
	reserveSize = 4 * allocateStep // for a new segment, and what a bridge says of the oldest that it drops at a time
)

// reserve takes the room, unless it is there.
func (s *Store) reserve() error {
	if s.reserved {
		return nil
	}
	f, err := s.disk.open(s.reservePath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.disk.allocate(f, reserveSize); err != nil {
		os.Remove(f.Name())
		return err
	}
	s.reserved = true
	return nil
}

// spend gives the room up if that is what something failed for. Then it may be tried
// again.
func (s *Store) spend(err error) bool {
	if !s.reserved || !noRoom(err) {
		return false
	}
	s.reserved = false
	s.mu.Lock()
	s.full = ErrFull
	s.mu.Unlock()
	return os.Remove(s.reservePath()) == nil
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func (s *Store) reservePath() string { return filepath.Join(s.dir, reserveName) }

// write is segment.write that spends the reserve if it must.
func (s *Store) write(b *batch) error {
	err := b.segment.write(b.buf, b.at, &s.disk)
	if s.spend(err) {
		err = b.segment.write(b.buf, b.at, &s.disk)
	}
	return err
}

// create makes a new segment, likewise.
func (s *Store) create(number uint64) (*segment, error) {
	g, err := create(s.dir, number, &s.disk)
	if s.spend(err) {
		g, err = create(s.dir, number, &s.disk)
	}
	return g, err
}
