package store

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"

	"fieldmq/broker"
)

// Load implements broker.Store: sessions, retained messages, messages that
// wait in the order they came, and those under way in the order they were sent.
// It is called before the first Append.
func (s *Store) Load() iter.Seq2[broker.Record, error] {
	return load(s.state)
}

func load(s *state) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		var f fetcher
		defer f.close()
		_ = s.loadClients(yield) && s.loadRetained(&f, yield) && s.loadMessages(&f, yield) && s.loadFlights(yield)
	}
}

type yielder = func(broker.Record, error) bool

func (s *state) loadClients(yield yielder) bool {
	for _, id := range slices.Sorted(maps.Keys(s.clients)) {
		for _, r := range s.clients[id].record().told() {
			if !yield(r, nil) {
				return false
			}
		}
	}
	return true
}

// told is the session in the words of the broker.
func (r *sessionRecord) told() []broker.Record {
	all := []broker.Record{broker.Entered{ClientID: r.ClientID, User: r.User, New: true, Inner: r.Inner, Expiry: r.Expiry, Will: r.Will}}
	for _, sub := range r.Subs {
		sub.ClientID = r.ClientID
		all = append(all, sub)
	}
	for _, id := range r.Received {
		all = append(all, broker.Received{ClientID: r.ClientID, PacketID: id})
	}
	if !r.Connected {
		all = append(all, broker.Left{ClientID: r.ClientID, At: r.At, Expiry: r.Expiry, Will: r.Will})
	}
	return all
}

func (s *state) loadRetained(f *fetcher, yield yielder) bool {
	for _, topic := range slices.Sorted(maps.Keys(s.retained)) {
		r, err := fetch[*retainedRecord](f, s.retained[topic])
		if err != nil {
			return yield(nil, err)
		}
		if !yield(r.Retained, nil) {
			return false
		}
	}
	return true
}

func (s *state) loadMessages(f *fetcher, yield yielder) bool {
	places := map[uint64]place{}
	for _, c := range s.clients {
		for number, w := range c.messages {
			places[number] = w.place
		}
	}
	for _, number := range slices.Sorted(maps.Keys(places)) {
		at := places[number]
		r, err := fetch[*messageRecord](f, at)
		if err != nil {
			return yield(nil, err)
		}
		q := broker.Queued{Number: number, Message: r.Message, Expires: r.Expires}
		for _, t := range s.renewMessage(r, at).(*messageRecord).To {
			q.To = append(q.To, t.Taker)
		}
		if !yield(q, nil) {
			return false
		}
	}
	return true
}

// underWay is a flight with the session and the message that it is of.
type underWay struct {
	client string
	number uint64
	flight
}

func (s *state) loadFlights(yield yielder) bool {
	var all []underWay
	for id, c := range s.clients {
		for number, w := range c.messages {
			if w.Order > 0 {
				all = append(all, underWay{id, number, w.flight})
			}
		}
	}
	slices.SortFunc(all, func(a, b underWay) int { return cmp.Compare(a.Order, b.Order) })
	for _, u := range all {
		if !yield(broker.Sent{ClientID: u.client, Number: u.number, PacketID: u.PacketID}, nil) {
			return false
		}
		if u.Released && !yield(broker.Released{ClientID: u.client, Number: u.number}, nil) {
			return false
		}
	}
	return true
}

// fetcher reads single records. It keeps the last file open, for the next
// record is likely to be there too.
type fetcher struct {
	segment *segment
	file    *os.File
}

func (f *fetcher) close() {
	if f.file != nil {
		f.file.Close()
	}
}

// fetch reads the record at a place, which was read before.
func fetch[R record](f *fetcher, at place) (r R, err error) {
	if f.segment != at.segment {
		f.close()
		if f.file, err = os.Open(at.segment.path); err != nil {
			return r, err
		}
		f.segment = at.segment
	}
	frame := make([]byte, at.size)
	if _, err := f.file.ReadAt(frame, at.offset); err != nil {
		return r, err
	}
	r, ok := decodeFrame(frameAt(at.segment.salt, frame)).(R)
	if !ok {
		return r, fmt.Errorf("%s: record at %d cannot be read any more", at.segment.path, at.offset)
	}
	return r, nil
}
