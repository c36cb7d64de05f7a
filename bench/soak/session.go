package main

import (
	"fmt"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// session is what a client has asked for and got, from its first connection to
// the end of the session. The world's lock guards it.
type session struct {
	client   int
	version  packet.Version
	lasting  bool // outlives connections
	over     bool
	lastLink int // number of the connection that came last
	subs     []*subscription
	got      []delivery
	events   []event
	wrong    []difference // seen by the client itself
}

// subscription is one filter, from SUBSCRIBE to UNSUBSCRIBE.
type subscription struct {
	filter      mqtt.Filter
	grants      []grant
	asked, left tick // UNSUBSCRIBE was sent, was answered; never
}

// grant is one SUBSCRIBE that was answered.
type grant struct {
	qos             mqtt.QoS
	noLocal         bool
	retained        bool // brings retained messages
	asked, answered tick
	link            int
}

// delivery is a message that came.
type delivery struct {
	at     tick
	link   int // number of the connection
	id     uint64
	topic  string
	qos    mqtt.QoS
	dup    bool
	retain bool
	empty  bool
}

// event is something that happened to a client, for people.
type event struct {
	at   tick
	what string
}

func (s *session) note(at tick, format string, args ...any) {
	s.events = append(s.events, event{at, fmt.Sprintf(format, args...)})
}

// active is the subscription to a filter that was not given up; nil: none.
func (s *session) active(f mqtt.Filter) *subscription {
	for _, sub := range s.subs {
		if sub.filter == f && sub.asked == never {
			return sub
		}
	}
	return nil
}

// claim is how sure it is that a message goes to a session, and with which QoS.
type claim struct {
	may, must bool
	low, high mqtt.QoS // with must, low; with may, high
}

// claim asks all subscriptions. Until is when the session was seen last.
func (s *session) claim(m *message) (c claim) {
	for _, sub := range s.subs {
		if sub.filter.Match(m.topic) {
			sub.claim(s, m, &c)
		}
	}
	return c
}

// claim adds what one subscription has to say.
func (sub *subscription) claim(s *session, m *message, c *claim) {
	if m.begin > sub.left || m.begin == never {
		return
	}
	own := m.publisher() == s.client
	sure := sub.grants[0].answered < m.begin && m.end < sub.asked
	low := mqtt.ExactlyOnce
	possible := false
	for i, g := range sub.grants {
		replaced := i+1 < len(sub.grants) && sub.grants[i+1].answered < m.begin
		if g.asked > m.end || replaced {
			continue
		}
		if g.noLocal && own {
			sure = false
			if !m.will {
				continue
			}
		}
		possible = true
		c.high = max(c.high, min(m.qos, g.qos))
		low = min(low, min(m.qos, g.qos))
	}
	c.may = c.may || possible
	if possible && sure {
		c.must = true
		c.low = max(c.low, low)
	}
}
