package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// renew is the record by which the fact of r, which stands at a place, is
// written anew; nil if that place holds no fact any more.
func (s *state) renew(r record, at place, now time.Time) record {
	switch r := r.(type) {
	case *sessionRecord:
		return s.renewSession(r.ClientID, at)
	case *enteredRecord:
		return s.renewSession(r.ClientID, at)
	case *messageRecord:
		return s.renewMessage(r, at)
	case *retainedRecord:
		if s.retained[r.Message.Topic] != at {
			return nil
		}
		if !r.Expires.IsZero() && !now.Before(r.Expires) {
			return &retainedRecord{broker.Retained{Message: mqtt.Message{Topic: r.Message.Topic}}}
		}
		return r
	case *keptRecord:
		if s.kept[r.Key].place == at {
			return r
		}
	}
	return nil
}

func (s *state) renewSession(id string, at place) record {
	c := s.known(id)
	if c == nil || c.place != at {
		return nil
	}
	return c.record()
}

// record is the session in one piece.
func (c *client) record() *sessionRecord {
	r := c.head
	r.Subs = slices.SortedFunc(maps.Values(c.subs), func(a, b broker.Subscribed) int { return cmp.Compare(a.Filter, b.Filter) })
	r.Received = slices.Sorted(maps.Keys(c.received))
	r.Tallies = c.tallies.list()
	return &r
}

func (s *state) renewMessage(r *messageRecord, at place) record {
	if there, ok := s.where(r.Number); !ok || there != at {
		return nil
	}
	m := *r
	m.To, m.By = nil, broker.Received{} // which stands with the session
	for _, t := range r.To {
		if c := s.clients[t.ClientID]; c != nil && c.waiting.has(r.Number) {
			t.flight = c.flights[r.Number]
			m.To = append(m.To, t)
		}
	}
	if m.To == nil {
		return nil
	}
	return &m
}
