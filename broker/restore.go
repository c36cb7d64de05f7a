package broker

import (
	"fmt"
	"time"

	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// Load takes from the store what an earlier life of the server has left. It is
// called before anything else. Clients that were connected when that life ended
// are taken for gone since now: their wills are published, at once or after
// their delay. It fails if the store cannot be read.
func (s *Server) Load() error {
	if s.Store == nil {
		return nil
	}
	r := restorer{server: s, sources: map[Source]*Peer{}}
	if shelf, ok := s.Store.(Shelf); ok { // which does not tell of all messages
		s.numbers.Store(shelf.Last())
	}
	for record, err := range s.Store.Load() {
		if err != nil {
			return fmt.Errorf("load the store: %w", err)
		}
		r.apply(record)
	}
	s.withCourier(func(k *courier) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.finish(k)
	})
	return nil
}

// restorer brings a server into the state that records tell of. Nothing else
// happens in the server meanwhile.
type restorer struct {
	server  *Server
	order   []*session       // as they began, so that wills keep an order
	sources map[Source]*Peer // of all that was published
}

// source is who published something in an earlier life.
func (r *restorer) source(s Source) *Peer {
	p := r.sources[s]
	if p == nil {
		p = &Peer{ClientID: s.ClientID, User: s.User, Cert: s.Cert, Local: s.Local}
		r.server.Access.Recall(p)
		r.sources[s] = p
	}
	return p
}

func (r *restorer) apply(record Record) {
	s := r.server
	switch e := record.(type) {
	case Entered:
		r.enter(&e)
	case Left:
		if held := s.sessions[e.ClientID]; held != nil {
			held.holder, held.expiry, held.will, held.left = nil, e.Expiry, e.Will, e.At
		}
	case Ended:
		if held := s.sessions[e.ClientID]; held != nil {
			delete(s.sessions, e.ClientID)
			held.finish()
		}
	case Retained:
		r.retain(&e)
	case Queued:
		r.queue(&e)
	default:
		r.change(record)
	}
}

// change applies the records that change one session.
func (r *restorer) change(record Record) {
	sessions := r.server.sessions
	switch e := record.(type) {
	case Subscribed:
		if held := sessions[e.ClientID]; held != nil {
			held.remember(e.Filter)
			r.server.tree.Subscribe(held, e.Filter, tree.Options{
				QoS: e.QoS, NoLocal: e.NoLocal, RetainAsPublished: e.RetainAsPublished, ID: e.ID,
			})
		}
	case Unsubscribed:
		if held := sessions[e.ClientID]; held != nil {
			held.forget(e.Filter)
			r.server.tree.Unsubscribe(held, e.Filter)
		}
	case Sent:
		if held := sessions[e.ClientID]; held != nil {
			held.restoreSent(e.Number, e.PacketID)
		}
	case Released:
		if held := sessions[e.ClientID]; held != nil {
			held.restoreReleased(e.Number)
		}
	case Settled:
		if held := sessions[e.ClientID]; held != nil {
			held.restoreSettled(e.Number)
		}
	case Received:
		if held := sessions[e.ClientID]; held != nil {
			held.receive(e.PacketID)
		}
	case Forgotten:
		if held := sessions[e.ClientID]; held != nil {
			delete(held.received, e.PacketID)
		}
	}
}

// crashed is the holder of sessions whose client was connected when the
// server's earlier life ended.
type crashed struct{}

func (crashed) leave(packet.Reason) {}

func (r *restorer) enter(e *Entered) {
	s := r.server
	held := s.sessions[e.ClientID]
	if held != nil && e.New {
		held.finish()
		held = nil
	}
	if held == nil {
		held = s.create(e.ClientID, e.Inner, e.Expiry > 0)
		r.order = append(r.order, held)
	}
	held.holder, held.user, held.expiry, held.will = crashed{}, e.User, e.Expiry, e.Will
	if !e.Inner {
		held.source = r.source(Source{e.ClientID, e.User, e.Cert, e.Local})
	}
}

func (r *restorer) retain(e *Retained) {
	held := &r.server.retained
	if len(e.Message.Payload) == 0 {
		held.Delete(e.Message.Topic)
		return
	}
	m := retainedMessage{message: &message{Message: e.Message, expires: e.Expires}}
	if e.From != nil {
		m.source = r.source(*e.From)
	}
	held.Put(m.Topic, m, r.server.cfg().MaxRetained)
}

func (r *restorer) queue(e *Queued) {
	r.server.numbers.Store(max(r.server.numbers.Load(), e.Number))
	m := &message{Message: e.Message, expires: e.Expires}
	if held := r.server.sessions[e.By.ClientID]; held != nil {
		held.receive(e.By.PacketID)
	}
	for _, t := range e.To {
		if held := r.server.sessions[t.ClientID]; held != nil {
			held.queue.push(delivery{message: m, qos: t.QoS, retain: t.Retain, ids: t.IDs, share: t.Share, number: e.Number})
		}
	}
}

// finish starts the time of all sessions. Lock held: the server's.
func (r *restorer) finish(k *courier) {
	s := r.server
	now := time.Now()
	for _, held := range r.order {
		switch {
		case s.sessions[held.id] != held:
		case held.holder == nil:
			s.await(held, held.left)
		default:
			held.holder = nil
			s.afterExit(k, held, now)
		}
	}
}

// The records of one session. A message that is queued moves to those in
// flight when it is sent, and out of either when it is settled.

func (s *session) queued(number uint64) int {
	for i := range s.queue.len() {
		if s.queue.at(i).number == number {
			return i
		}
	}
	return -1
}

func (s *session) flying(number uint64) int {
	for i := range s.inflight.len() {
		if s.inflight.at(i).number == number {
			return i
		}
	}
	return -1
}

func (s *session) restoreSent(number uint64, id uint16) {
	if i := s.queued(number); i >= 0 {
		s.inflight.restore(s.queue.pull(i), id)
	}
}

func (s *session) restoreReleased(number uint64) {
	if i := s.flying(number); i >= 0 {
		s.inflight.release(i)
	}
}

func (s *session) restoreSettled(number uint64) {
	if i := s.flying(number); i >= 0 {
		s.inflight.settle(i)
	} else if i := s.queued(number); i >= 0 {
		s.queue.pull(i)
	}
}
