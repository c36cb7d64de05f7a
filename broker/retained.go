package broker

import (
	"fmt"
	"math"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
)

// retainedMessage is the retained message of a topic.
type retainedMessage struct {
	*message
	source *Peer // who has published it; nil: this process, or nobody knows
}

// offered are the retained messages that a new subscriber gets, in order of their
// topics: not those that have expired, or whose source may not publish them any
// more.
func (s *Server) offered(f mqtt.Filter, now time.Time) []retainedMessage {
	all := s.retained.Match(f)
	left := all[:0]
	for _, m := range all {
		if !m.expired(now) && !s.withdrawn(m) {
			left = append(left, m)
		}
	}
	return left
}

func (s *Server) withdrawn(m retainedMessage) bool {
	return s.cfg().CheckRetainSource && m.source != nil && !s.Access.MayPublish(m.source, m.Topic)
}

// sweep removes retained messages that have expired.
func (s *Server) sweep(now time.Time) {
	s.retained.DeleteFunc(func(m retainedMessage) bool { return m.expired(now) })
	if s.retained.Len() < s.cfg().MaxRetained {
		s.retainedFull.Store(false)
	}
}

// retain makes the message the retained one of its topic, or removes that if
// the payload is empty. [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7]
func (s *Server) retain(p *publication, source *Peer) error {
	if len(p.Payload) == 0 {
		s.retained.Delete(p.Topic)
	} else if deep(p.Topic) || !s.retained.Put(p.Topic, retainedMessage{p.keep(), source}, s.room(p.Topic)) {
		s.figures.Dropped.Add(1)
		if s.retainedFull.CompareAndSwap(false, true) {
			s.log.Warn("a message is not retained", "topic", fmt.Sprintf("%.80s", p.Topic), "retained", s.retained.Len(), "max_retained", s.cfg().MaxRetained)
		}
		return nil
	}
	if s.Store == nil || reserved(p.Topic) {
		return nil
	}
	return s.noteMessage(Retained{Message: p.keep().Message, Expires: p.expires, From: source.source()})
}

// room is how many topics may hold a retained message if this is one of them.
func (s *Server) room(topic string) int {
	if reserved(topic) {
		return math.MaxInt
	}
	return s.cfg().MaxRetained
}

// mayRetain says whether the topic may hold a retained message, for it does
// already or there is room.
func (s *Server) mayRetain(topic string) bool {
	if deep(topic) {
		return false
	}
	if s.retained.Len() < s.cfg().MaxRetained {
		return true
	}
	_, held := s.retained.Get(topic)
	return held
}

// maxLevels is how many levels below its first a topic may have that is subscribed to or
// retained: each costs memory, and 65,535 bytes hold very many.
const maxLevels = 200

func deep(topic string) bool { return strings.Count(topic, "/") > maxLevels }
