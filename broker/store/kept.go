package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// mostKept is how long a key and its value may be together, in bytes. They are
// held in memory as well.
const mostKept = 64 << 10

// kept is the value of a key, and where it stands.
type kept struct {
	value []byte
	place place
}

// Kept is what is kept under a key.
type Kept struct {
	Key   string
	Value []byte
}

// Put keeps a value under a key, in place of the one before; an empty value
// removes the key. It is for what the gateway itself must remember: counters,
// what it has learned. On return kill -9 cannot take it back, and about a second
// later no power cut can, whatever Sync says: whoever has a value that changes all
// the time should not put each one. A full store takes it, too.
func (s *Store) Put(key string, value []byte) error {
	if n := len(key) + len(value); n > mostKept {
		return fmt.Errorf("keep %.80q: %d bytes are more than the %d that the store takes", key, n, mostKept)
	}
	if err := s.putKept(&keptRecord{key, slices.Clone(value)}); err != nil {
		return fmt.Errorf("keep %.80q: %w", key, err)
	}
	if err := s.Commit(context.Background()); err != nil { // a disk is waited for, not a peer
		return fmt.Errorf("keep %.80q: %w", key, err)
	}
	return nil
}

func (s *Store) putKept(r *keptRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.append(s.state.noteKept(r))
}

// Get is the value of a key, nil if there is none. Nobody changes it.
func (s *Store) Get(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.kept[key].value
}

// Kept are all keys with their values, in the order of the keys.
func (s *Store) Kept() []Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.allKept()
}

func (s *state) allKept() []Kept {
	all := make([]Kept, 0, len(s.kept))
	for _, key := range slices.Sorted(maps.Keys(s.kept)) {
		all = append(all, Kept{key, s.kept[key].value})
	}
	return all
}

// keep takes in what is kept under a key.
func (s *state) keep(r *keptRecord, at place) {
	if old, there := s.kept[r.Key]; there {
		old.place.leave()
		delete(s.kept, r.Key)
	}
	if len(r.Value) > 0 {
		s.kept[r.Key] = kept{r.Value, at}
		at.enter()
	}
	s.changed = true
}

// noteKept is nil for what is kept like that already.
func (s *state) noteKept(r *keptRecord) record {
	if string(s.kept[r.Key].value) == string(r.Value) {
		return nil
	}
	return r
}
