package broker

import (
	"context"
	"iter"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/tree"
)

// inbox wakes a subscriber of this process that waits for its queue.
type inbox struct {
	bell chan struct{} // one place: a bell that rang is enough
}

func (i *inbox) ring() {
	select {
	case i.bell <- struct{}{}:
	default:
	}
}

// Subscribe subscribes a reader in this process to what the filters take,
// retained messages first, each with the retain flag as it was published. It is
// subscribed on return, and until ctx ends or the loop over the messages, of
// which there is one, is left. Messages wait in a queue with the limits of any
// other client's. The filters must be valid; one that is not takes nothing.
func (s *Server) Subscribe(ctx context.Context, filters ...mqtt.Filter) iter.Seq[mqtt.Message] {
	in := s.newSession("in process", true)
	in.inbox = &inbox{bell: make(chan struct{}, 1)}
	for _, f := range filters {
		if f.Subscribable() {
			in.remember(f)
			in.subscribe(f, tree.Options{QoS: mqtt.ExactlyOnce, RetainAsPublished: true}, true)
		}
	}
	stop := context.AfterFunc(ctx, func() { in.finish() })
	return func(yield func(mqtt.Message) bool) {
		defer in.finish()
		defer stop()
		for {
			m, ok := in.next(ctx)
			if !ok || !yield(m) {
				return
			}
		}
	}
}

// next waits for a message. It fails when ctx ends.
func (s *session) next(ctx context.Context) (m mqtt.Message, ok bool) {
	for ctx.Err() == nil {
		if m, ok = s.nextQueued(time.Now()); ok {
			return m, true
		}
		select {
		case <-ctx.Done():
		case <-s.inbox.bell:
		}
	}
	return m, false
}

// nextQueued takes the first message that has not expired, with what is left
// of its expiry.
func (s *session) nextQueued(now time.Time) (m mqtt.Message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.queue.len() > 0 && !s.held {
		d := s.queue.pop()
		if d.message.expired(now) {
			s.server.figures.Expired.Add(1)
			continue
		}
		m = d.message.Message
		m.QoS, m.Retain = d.qos, d.retain
		if m.Expiry > 0 {
			m.Expiry = d.message.expires.Sub(now)
		}
		return m, true
	}
	s.full = false
	return m, false
}
