package store

import (
	"maps"
	"slices"
	"strings"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// state is what the records of a log come to, without payloads: those stay
// where their place says. The same records in the same order come to the same
// state, whether they are being written or read.
//
// Each fact stands in one record, its place; later records may change the fact
// but never make sense without that one. So a segment can go as soon as it is
// the oldest and no fact has its place in it.
type state struct {
	clients  map[string]*client
	retained map[string]place
	kept     map[string]kept
	messages places              // that sessions wait for
	segments map[uint32]*segment // that messages stand in, by number
	order    uint64              // the last one given to a flight
	last     uint64              // the highest number of a message
	ages     ages
	changed  bool // by the last record, what clients rely on across a power cut
}

// place is where a record stands in the log.
type place struct {
	segment *segment // nil: the record was lost with it
	offset  int64
	size    int
}

func (p place) enter() { p.segment.live += int64(p.size) }
func (p place) leave() {
	if p.segment != nil {
		p.segment.live -= int64(p.size)
	}
}

// client is a session. Until its own record is read, it is not known: when the
// log was shortened, that record may have moved behind others.
type client struct {
	place    place // of what is known; no segment: nothing is
	head     sessionRecord
	subs     map[mqtt.Filter]broker.Subscribed
	received map[uint16]struct{}
	waiting  numbers           // of messages
	flights  map[uint64]flight // those of them that are under way
	tallies  tallies
}

// reads says whether the client takes what waits for it from the store by
// itself, one after the other: a queue of this process.
func (c *client) reads() bool { return c.head.Inner && c.head.Expiry > 0 }

func newState() *state {
	return &state{clients: map[string]*client{}, retained: map[string]place{}, kept: map[string]kept{}, segments: map[uint32]*segment{}}
}

// known is the session of a client, nil if there is none.
func (s *state) known(id string) *client {
	if c := s.clients[id]; c != nil && c.place.segment != nil {
		return c
	}
	return nil
}

// at is the session of a client that records speak of.
func (s *state) at(id string) *client {
	c := s.clients[id]
	if c == nil {
		c = &client{
			subs:     map[mqtt.Filter]broker.Subscribed{},
			received: map[uint16]struct{}{},
		}
		s.clients[id] = c
	}
	return c
}

// apply takes in a record that stands at a place.
func (s *state) apply(r record, at place) {
	switch r := r.(type) {
	case *sessionRecord:
		s.restore(r, at)
	case *enteredRecord:
		s.enter(r, at)
	case *messageRecord:
		s.queue(r, at)
	case *retainedRecord:
		s.retain(r, at)
	case *endedRecord:
		s.end(r.ClientID)
	case *leftRecord:
		h := &s.at(r.ClientID).head
		h.Connected, h.At, h.Expiry, h.Will = false, r.At, r.Expiry, r.Will
	case *subscribedRecord:
		s.at(r.ClientID).subs[r.Filter] = r.Subscribed
		s.changed = true
	case *unsubscribedRecord:
		delete(s.at(r.ClientID).subs, r.Filter)
		s.changed = true
	case *receivedRecord:
		s.at(r.ClientID).received[r.PacketID] = struct{}{}
	case *forgottenRecord:
		delete(s.at(r.ClientID).received, r.PacketID)
	case *sentRecord:
		s.order = max(s.order, r.Order)
		s.fly(r.ClientID, r.Number, func(f *flight) { f.Order, f.PacketID = r.Order, r.PacketID })
	case *releasedRecord:
		s.fly(r.ClientID, r.Number, func(f *flight) { f.Released = true })
	case *settledRecord:
		s.settle(s.at(r.ClientID), r.Number)
	case *keptRecord:
		s.keep(r, at)
	case *countedRecord:
		c := s.at(r.ClientID)
		s.settle(c, r.Number)
		c.tallies.add(r)
	}
}

// enter is a client that connects, to a new session or to the one it had.
func (s *state) enter(r *enteredRecord, at place) {
	if r.New {
		s.end(r.ClientID)
	}
	c := s.at(r.ClientID)
	if r.New {
		c.place = at
		at.enter()
	}
	c.head.ClientID, c.head.User, c.head.Inner = r.ClientID, r.User, r.Inner
	c.head.Connected, c.head.Expiry, c.head.Will = true, r.Expiry, r.Will
	c.head.Cert, c.head.Local = r.Cert, r.Local
	s.changed = s.changed || r.Expiry > 0
}

// restore is a session as it stands.
func (s *state) restore(r *sessionRecord, at place) {
	c := s.at(r.ClientID)
	if c.place.segment != nil {
		c.place.leave()
	}
	c.place, c.head = at, *r
	at.enter()
	c.head.Subs, c.head.Received = nil, nil
	clear(c.subs)
	for _, sub := range r.Subs {
		sub.ClientID = r.ClientID
		c.subs[sub.Filter] = sub
	}
	clear(c.received)
	for _, id := range r.Received {
		c.received[id] = struct{}{}
	}
	c.head.Tallies = nil
	c.tallies = talliesOf(r.Tallies)
}

// end forgets a session and what waits for it.
func (s *state) end(id string) {
	c := s.clients[id]
	if c == nil {
		return
	}
	for number := range c.waiting.all() {
		s.settle(c, number)
	}
	if c.place.segment != nil {
		c.place.leave()
	}
	s.changed = s.changed || c.head.Expiry > 0
	delete(s.clients, id)
}

// queue is a message with all who wait for it, in place of what was known of
// it.
func (s *state) queue(r *messageRecord, at place) {
	s.last = max(s.last, r.Number)
	if r.By.ClientID != "" {
		s.at(r.By.ClientID).received[r.By.PacketID] = struct{}{}
	}
	s.forget(r)
	left := 0
	for i := range r.To {
		t := &r.To[i]
		c := s.at(t.ClientID)
		if c.waiting.add(r.Number) {
			left++
		}
		if t.flight != (flight{}) {
			c.fly(r.Number, t.flight)
		} else {
			delete(c.flights, r.Number)
		}
		s.order = max(s.order, t.Order)
	}
	if left == 0 {
		return
	}
	at.enter()
	s.segments[uint32(at.segment.number)] = at.segment
	s.messages.put(r.Number, spot{uint32(at.segment.number), at.offset, at.size, left})
	s.ages.add(r.Number, 1)
}

// forget takes out what was known of a message: mostly nothing, or that the same
// sessions wait for it elsewhere.
func (s *state) forget(r *messageRecord) {
	for i := range r.To {
		s.settle(s.at(r.To[i].ClientID), r.Number)
	}
	if _, left := s.messages.get(r.Number); left { // its number was given twice
		for _, c := range s.clients {
			s.settle(c, r.Number)
		}
	}
}

// where is the place of a message that waits.
func (s *state) where(number uint64) (place, bool) {
	at, ok := s.messages.get(number)
	return place{s.segments[at.segment], at.offset, at.size}, ok
}

// fly changes the flight of a message to a session.
func (s *state) fly(id string, number uint64, change func(*flight)) {
	if c := s.at(id); c.waiting.has(number) {
		f := c.flights[number]
		change(&f)
		c.fly(number, f)
	}
}

func (c *client) fly(number uint64, f flight) {
	if c.flights == nil {
		c.flights = map[uint64]flight{}
	}
	c.flights[number] = f
}

// settle takes a session off those who wait for a message.
func (s *state) settle(c *client, number uint64) {
	if !c.waiting.remove(number) {
		return
	}
	delete(c.flights, number)
	at, _ := s.where(number)
	if s.messages.drop(number) {
		at.leave()
		s.ages.add(number, -1)
	}
}

func (s *state) retain(r *retainedRecord, at place) {
	topic := r.Message.Topic
	if old, ok := s.retained[topic]; ok {
		old.leave()
		delete(s.retained, topic)
	}
	if len(r.Message.Payload) > 0 {
		s.retained[topic] = at
		at.enter()
	}
}

// prune forgets what was said of sessions that are not known: they ended, and
// the record of that is gone with the segment it stood in.
func (s *state) prune(orphans []*sessionRecord) {
	for id, c := range s.clients {
		if c.place.segment == nil && !slices.ContainsFunc(orphans, func(r *sessionRecord) bool { return r.ClientID == id }) {
			s.end(id)
		}
	}
}

// orphans are queues that messages wait for although they are not known: an end would
// stand behind the messages, and take them away. So it is their beginning that was
// damaged.
func (s *state) orphans(queues []string) (found []*sessionRecord) {
	for _, id := range slices.Sorted(maps.Keys(s.clients)) {
		c := s.clients[id]
		ours := slices.ContainsFunc(queues, func(begins string) bool { return strings.HasPrefix(id, begins) })
		if ours && c.place.segment == nil && c.waiting.after(0) != 0 {
			c.head.ClientID, c.head.Inner, c.head.Expiry = id, true, queueExpiry
			found = append(found, c.record())
		}
	}
	return found
}

// queueExpiry is for how long a queue waits for its owner: for ever, as good as.
const queueExpiry = 100 * 365 * 24 * time.Hour
