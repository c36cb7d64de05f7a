package store

import (
	"context"
	"errors"

	"fieldmq/broker"
)

var _ broker.Shelf = (*Store)(nil)

// Last implements broker.Shelf.
func (s *Store) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.last
}

// Tallies implements broker.Shelf.
func (s *Store) Tallies(clientID string) []broker.Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.state.known(clientID); c != nil {
		return c.tallies.list()
	}
	return nil
}

// Read implements broker.Shelf. No lock is held while the disk is read, and while
// each has its turn. A message that cannot be read any more is an error, and the
// ones behind it can be.
func (s *Store) Read(clientID string, after uint64, skip func(uint64) bool, each func(broker.Waiting, error) bool) {
	f := s.fetchers.Get().(*fetcher)
	defer func() {
		f.close()
		s.fetchers.Put(f)
	}()
	for tries := 0; ; {
		number, at, ok := s.next(clientID, after, skip)
		if !ok {
			return
		}
		r, err := fetch[*messageRecord](f, at)
		if errors.Is(err, errGone) && tries < mostTries { // it stands elsewhere by now
			tries++
			continue
		}
		tries = 0
		w := broker.Waiting{Number: number}
		if err == nil {
			w = r.waiting(clientID)
		}
		if !each(w, err) {
			return
		}
		after = number
	}
}

// mostTries is how often a record is looked for that moves before it is read.
const mostTries = 10

// next is the first message behind another that waits for a client and can be
// read from a file.
func (s *Store) next(clientID string, after uint64, skip func(uint64) bool) (uint64, place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.state.known(clientID)
	if c == nil {
		return 0, place{}, false
	}
	number := c.waiting.after(after)
	for number != 0 && skip != nil && skip(number) {
		number = c.waiting.after(number)
	}
	if number == 0 {
		return 0, place{}, false
	}
	at, ok := s.state.where(number)
	return number, at, ok && (at.segment == nil || at.offset+int64(at.size) <= at.segment.flushed)
}

// waiting is the message as one client is to get it.
func (r *messageRecord) waiting(clientID string) broker.Waiting {
	w := broker.Waiting{Number: r.Number, Message: r.Message, Came: r.Came, Expires: r.Expires}
	for i := range r.To {
		if t := &r.To[i]; t.ClientID == clientID {
			w.Message.QoS, w.Message.Retain = t.QoS, t.Retain
		}
	}
	return w
}

// Flush implements broker.Shelf.
func (s *Store) Flush(ctx context.Context) error {
	if target := s.appended.Load(); s.written.Load() >= target {
		return nil
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.yield()
	return s.flush()
}
