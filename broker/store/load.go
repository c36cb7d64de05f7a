package store

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"fieldmq/broker"
)

// Load implements broker.Store: sessions, retained messages, messages that
// wait in the order they came, and those under way in the order they were sent.
// It is called before the first Append.
func (s *Store) Load() iter.Seq2[broker.Record, error] {
	return load(s.state, false)
}

// load is all that a state holds; messages that only queues wait for are left out
// unless told otherwise, for there may be a million.
func load(s *state, queues bool) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		var f fetcher
		defer f.close()
		_ = s.loadClients(yield) && s.loadRetained(&f, yield) && s.loadMessages(&f, queues, yield) && s.loadFlights(yield)
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
	all := []broker.Record{broker.Entered{ClientID: r.ClientID, User: r.User, New: true, Inner: r.Inner, Expiry: r.Expiry, Will: r.Will, Cert: r.Cert, Local: r.Local}}
	for _, sub := range r.Subs {
		sub.ClientID = r.ClientID
		all = append(all, sub)
	}
	for _, id := range r.Received {
		all = append(all, broker.Received{ClientID: r.ClientID, PacketID: id})
	}
	for _, t := range r.Tallies {
		if t.Delivered > 0 {
			all = append(all, broker.Counted{ClientID: r.ClientID, Account: t.Account, Count: t.Delivered})
		}
		for _, d := range t.Dropped {
			all = append(all, broker.Counted{ClientID: r.ClientID, Account: t.Account, Reason: d.Reason, Count: d.Count})
		}
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

func (s *state) loadMessages(f *fetcher, queues bool, yield yielder) bool {
	taken := s.taken(queues)
	for number, spot := range s.messages.all() {
		if !taken.has(number) {
			continue
		}
		at := place{s.segments[spot.segment], spot.offset, spot.size}
		r, err := fetch[*messageRecord](f, at)
		if err != nil {
			return yield(nil, err)
		}
		q := broker.Queued{Number: number, Message: r.Message, Came: r.Came, Expires: r.Expires}
		for _, t := range s.renewMessage(r, at).(*messageRecord).To {
			if queues || !s.clients[t.ClientID].reads() {
				q.To = append(q.To, t.Taker)
			}
		}
		if !yield(q, nil) {
			return false
		}
	}
	return true
}

// taken are the messages that any client waits for, or any that does not read by
// itself.
func (s *state) taken(queues bool) (taken numbers) {
	for _, c := range s.clients {
		if !queues && c.reads() {
			continue
		}
		for number := range c.waiting.all() {
			taken.add(number)
		}
	}
	return taken
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
		for number, f := range c.flights {
			if f.Order > 0 {
				all = append(all, underWay{id, number, f})
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
