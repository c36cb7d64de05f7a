package broker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// Sink decides on the messages of a Feed, and takes them. Judge and Take are called
// for one message at a time, in the order of their numbers, by whoever publishes and
// with locks held: they wait for nothing and do not publish.
type Sink interface {
	// Begin comes first. What waits from an earlier life can be read.
	Begin(*Feed)
	// Judge says what is to become of a message that the filters take. Own says
	// that it comes from this process.
	Judge(m *mqtt.Message, own bool, now time.Time) Fate
	// Take hands a message over. The number is its name in the feed, 0 for one that
	// is only passed; expires is zero for one that does not. Err says why one that
	// was to be kept is not: then the number is 0, and an error that is returned
	// makes the publisher fail.
	Take(number uint64, m mqtt.Message, expires time.Time, err error) error
	// Refuses says that a message of QoS 1 or 2 from a client outside is not to be
	// accepted, by anyone.
	Refuses(m *mqtt.Message) bool
}

// Fate is what becomes of a message in a feed.
type Fate byte

const (
	Skip Fate = iota // nothing
	Drop             // nothing, and that was counted
	Pass             // it is handed over, and waits nowhere
	Keep             // it is stored, and handed over with its number
)

// ErrRefused: a feed has no room, and its messages are not to be dropped.
var ErrRefused = errors.New("the backlog of an upstream is full")

// Feed is a subscription of this process that outlives it: what it keeps waits in
// the store until it is counted, in order and over restarts. Without a Shelf the
// numbers are given all the same, and whoever takes the messages keeps them.
type Feed struct {
	server  *Server
	session *session
	sink    Sink
	shelf   Shelf // nil: nothing is kept
}

// feedExpiry is for how long a feed waits for its owner.
const feedExpiry = 100 * 365 * 24 * time.Hour

// leave implements holder: nobody takes a feed over.
func (*Feed) leave(packet.Reason) {}

// Feed opens the feed of a name. If there was one in an earlier life, what waits
// for it waits still; retained messages come for filters that are new. The name is
// a client id that no client outside can have meanwhile. ctx bounds the wait for the
// disk; the feed outlives it.
func (s *Server) Feed(ctx context.Context, name string, sink Sink, filters ...mqtt.Filter) (*Feed, error) {
	f := &Feed{server: s, sink: sink}
	f.shelf, _ = s.Store.(Shelf)
	held, err := s.enter(&entry{id: name, inner: true, expiry: feedExpiry, holder: f})
	if err != nil {
		return nil, fmt.Errorf("feed %q: %w", name, err)
	}
	f.session = held
	s.feeding.Lock()
	defer s.feeding.Unlock()
	// The wills of those that a crash took wait for it as well, and are to be read.
	_ = f.Flush(ctx) // a disk that fails says so to all who commit
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("feed %q: %w", name, err)
	}
	sink.Begin(f)
	held.mu.Lock()
	held.feed.Store(f)
	had := held.subs
	held.mu.Unlock()
	var others []*Feed
	if all := s.feeds.Load(); all != nil {
		others = slices.DeleteFunc(slices.Clone(*all), func(other *Feed) bool { return other.session.id == name })
	}
	others = append(others, f)
	s.feeds.Store(&others)
	for had := range had {
		if !slices.Contains(filters, had) {
			held.leaveFilter(had)
		}
	}
	for _, filter := range filters {
		if _, known := had[filter]; !known && filter.Subscribable() {
			f.subscribe(filter)
		}
	}
	return f, nil
}

func (s *session) leaveFilter(f mqtt.Filter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server.tree.Unsubscribe(s, f)
	s.forget(f)
	s.server.note(Unsubscribed{s.id, f})
}

// subscribe adds a filter, and brings its retained messages. Lock held: feeding.
func (f *Feed) subscribe(filter mqtt.Filter) {
	f.session.mu.Lock()
	f.session.remember(filter)
	f.session.mu.Unlock()
	f.session.subscribe(filter, tree.Options{QoS: mqtt.ExactlyOnce, RetainAsPublished: true}, false)
	now := time.Now()
	for _, m := range f.server.offered(filter, now) {
		copied := m.Message
		copied.Retain = true
		switch f.sink.Judge(&copied, true, now) {
		case Keep:
			n, err := f.server.number(m.message, []Taker{{ClientID: f.session.id, QoS: m.QoS, Retain: true}}, Received{})
			_ = f.sink.Take(n, copied, m.expires, err) // it is retained still
		case Pass:
			_ = f.sink.Take(0, copied, m.expires, nil)
		}
	}
}

// Durable says whether what waits is in a store, from which Read gives it back.
func (f *Feed) Durable() bool { return f.shelf != nil }

// Read is Shelf.Read for this feed. It may be called from a Sink.
func (f *Feed) Read(after uint64, skip func(number uint64) bool, each func(Waiting, error) bool) {
	f.shelf.Read(f.session.id, after, skip, each)
}

// Tallies are the accounts from earlier lives and this one.
func (f *Feed) Tallies() []Tally {
	if f.shelf == nil {
		return nil
	}
	return f.shelf.Tallies(f.session.id)
}

// Count settles a message, or with number 0 counts some that were not kept, for an
// account: delivered, if there is no reason why they were dropped. It may be called
// from a Sink.
func (f *Feed) Count(number uint64, account, reason string, count uint64) {
	f.server.note(Counted{ClientID: f.session.id, Number: number, Account: account, Reason: reason, Count: count})
}

// Receive publishes a message of QoS 2 that came to the owner with an identifier. The
// store hears of both at once, so that a crash brings none twice; if it fails, and the
// message waits for nobody, that is no fault.
func (f *Feed) Receive(ctx context.Context, id uint16, m mqtt.Message) error {
	f.session.mu.Lock()
	f.session.receive(id)
	f.session.mu.Unlock()
	err := f.server.publish(ctx, nil, Received{ClientID: f.session.id, PacketID: id}, []mqtt.Message{m})
	if err != nil {
		f.session.released(nil, id)
		return err
	}
	_ = f.Flush(ctx) // where it matters publish has done so
	return nil
}

// Release forgets an identifier that Receive was told.
func (f *Feed) Release(ctx context.Context, id uint16) {
	if f.session.released(nil, id) {
		_ = f.Flush(ctx) // it may come twice, if it is not in the file
	}
}

// Received are the identifiers that Receive was told, in this life or an earlier one.
func (f *Feed) Received() []uint16 {
	f.session.mu.Lock()
	defer f.session.mu.Unlock()
	return slices.Sorted(maps.Keys(f.session.received))
}

// Flush returns when no kill -9 can take back what was counted.
func (f *Feed) Flush(ctx context.Context) error {
	if f.shelf == nil {
		return nil
	}
	return f.shelf.Flush(ctx)
}

// Retained are the retained messages that the filters of the feed take, with what is
// left of their expiry, in no order that means anything. It is not called from a
// Sink.
func (f *Feed) Retained() iter.Seq[mqtt.Message] {
	f.session.mu.Lock()
	filters := make([]mqtt.Filter, 0, len(f.session.subs))
	for filter := range f.session.subs {
		filters = append(filters, filter)
	}
	f.session.mu.Unlock()
	slices.Sort(filters)
	return func(yield func(mqtt.Message) bool) {
		now := time.Now()
		for i, filter := range filters {
			for _, m := range f.server.offered(filter, now) {
				if slices.ContainsFunc(filters[:i], func(f mqtt.Filter) bool { return f.Match(m.Topic) }) {
					continue
				}
				copied := m.Message
				copied.Retain = true
				if copied.Expiry > 0 {
					copied.Expiry = m.expires.Sub(now)
				}
				if !yield(copied) {
					return
				}
			}
		}
	}
}

// EndFeeds ends the feeds of earlier lives whose names begin so and that nobody has
// opened. It returns their names.
func (s *Server) EndFeeds(prefix string) (ended []string) {
	s.withCourier(func(k *courier) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, held := range s.sessions {
			if held.stored && held.holder == nil && strings.HasPrefix(id, prefix) {
				ended = append(ended, id)
			}
		}
		slices.Sort(ended)
		for _, id := range ended {
			s.discard(k, s.sessions[id])
		}
	})
	return ended
}

// refused says whether a feed wants a message from outside not to be accepted.
func (s *Server) refused(m *mqtt.Message) bool {
	feeds := s.feeds.Load()
	if feeds == nil {
		return false
	}
	return slices.ContainsFunc(*feeds, func(f *Feed) bool { return f.sink.Refuses(m) })
}

// feed is noteQueued for a message that feeds are among the targets of. Its number,
// the place in the store and the turn at the sink follow one order.
func (k *courier) feed(now time.Time) (uint64, error) {
	s, p := k.server, &k.pub
	s.feeding.Lock()
	defer s.feeding.Unlock()
	to := s.takers(p, k.targets)
	durable := len(to) > 0
	for i := range k.targets {
		t := &k.targets[i]
		f := t.session.feed.Load()
		if f == nil {
			continue
		}
		m := k.forFeed(t)
		if t.fate = f.sink.Judge(&m, k.own, now); t.fate == Keep {
			to = append(to, Taker{ClientID: t.session.id, QoS: m.QoS, Retain: m.Retain})
		}
		k.noted = k.noted || t.fate != Skip
	}
	var number uint64
	var err error
	if to != nil {
		number, err = k.store(to)
	}
	failed := err
	if !durable { // what the feeds have to say about it counts
		failed = nil
	}
	for i := range k.targets {
		t := &k.targets[i]
		f := t.session.feed.Load()
		if f == nil || t.fate == Skip || t.fate == Drop {
			continue
		}
		m := k.forFeed(t)
		m.Payload = p.keep().Payload
		var refusal error
		if t.fate == Keep {
			refusal = f.sink.Take(number, m, p.expires, err)
		} else {
			refusal = f.sink.Take(0, m, p.expires, nil)
		}
		if failed == nil {
			failed = refusal
		}
	}
	return number, failed
}

// forFeed is the message as a feed gets it.
func (k *courier) forFeed(t *target) mqtt.Message {
	m := k.pub.Message
	m.QoS = min(m.QoS, t.how.QoS)
	return m
}
