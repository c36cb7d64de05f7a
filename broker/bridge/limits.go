package bridge

import (
	"errors"
	"fmt"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// Limits are what the broker there takes at most. A preset sets those of its
// cloud; what is written here wins, for plans and quotas differ.
type Limits struct {
	// Rate is how many messages go out in a second. 0: as many as the link
	// carries.
	Rate int `yaml:"rate" check:"min=0,max=1000000"`
	// Bytes is how many bytes of topics and payloads go out in a second. 0: as
	// many as the link carries.
	Bytes configs.Size `yaml:"bytes" check:"max=1GiB"`
	// Payload is the size of the largest payload; what is larger is dropped and
	// counted. 0: any.
	Payload configs.Size `yaml:"payload" check:"max=256MiB"`
	// Topic is how many bytes a topic name has at most. 0: any.
	Topic int `yaml:"topic" check:"min=0,max=65535"`
	// Levels is how many levels a topic has at most: a/b has two. 0: any.
	Levels int `yaml:"levels" check:"min=0,max=65535"`
	// InFlight is how many messages are under way at a time, where the broker
	// does not say that it takes fewer.
	InFlight int `yaml:"in_flight" check:"min=1,max=1000"`
	// InFlightBytes is how many bytes of topics and payloads are under way at a
	// time; a message that is larger goes alone. 0: any.
	InFlightBytes configs.Size `yaml:"in_flight_bytes" check:"max=256MiB"`
	// QoS is the highest quality of service there: 0, 1 or 2.
	QoS mqtt.QoS `yaml:"qos" check:"max=2"`
	// Retain says whether the broker keeps retained messages. If not, none is
	// sent as such.
	Retain bool `yaml:"retain"`
	// Will says whether the broker takes a will. If not, it cannot say that the
	// gateway is offline when the connection is lost.
	Will bool `yaml:"will"`
	// Subscriptions is how many topic filters a client may subscribe to. 0: any.
	Subscriptions int `yaml:"subscriptions" check:"min=0,max=100000"`
	// ConnectEvery is the shortest time between two tries to connect.
	ConnectEvery configs.Duration `yaml:"connect_every" check:"min=1s,max=1h"`
	// HangsUp says that the broker closes the connection over a message that it
	// does not take, without a word. Such a message is then given up after three
	// connections and not after twelve.
	HangsUp bool `yaml:"hangs_up"`
}

// noLimits are those of a broker that takes all of MQTT.
func noLimits() Limits {
	return Limits{InFlight: mostWindow, QoS: mqtt.ExactlyOnce, Retain: true, Will: true, ConnectEvery: configs.Duration(shortest)}
}

// bound makes of what a server allows what is allowed.
func (l *Limits) bound(s *server) {
	s.limits = *l
	s.window = min(s.window, l.InFlight)
	s.qos = min(s.qos, l.QoS)
	s.retain = s.retain && l.Retain
}

// Reasons for which a message cannot go where limits are.
const (
	droppedPayload = "payload too large"
	droppedLong    = "topic too long"
	droppedDeep    = "topic has too many levels"
)

// refuse is the reason for which a message cannot go, empty if it can.
func (l *Limits) refuse(m *mqtt.Message) string {
	switch {
	case l.Payload > 0 && int64(len(m.Payload)) > int64(l.Payload):
		return droppedPayload
	case l.Topic > 0 && len(m.Topic) > l.Topic:
		return droppedLong
	case l.Levels > 0 && levels(m.Topic) > l.Levels:
		return droppedDeep
	}
	return ""
}

// levels is how many levels a topic or filter has. Those of AWS's basic ingest
// are counted without the rule's name in front.
func levels(topic string) int {
	if rest, ok := strings.CutPrefix(topic, "$aws/rules/"); ok {
		if _, rest, ok = strings.Cut(rest, "/"); ok {
			topic = rest
		}
	}
	return strings.Count(topic, "/") + 1
}

// load is what a message counts against limits of bytes.
func load(m *mqtt.Message) int { return len(m.Topic) + len(m.Payload) }

// laden says whether so many bytes are under way that no more may be.
func (q *queue) laden() bool {
	most, sum := int64(q.server.limits.InFlightBytes), int64(0)
	if most == 0 {
		return false
	}
	for _, f := range q.flights[:q.unanswered()] {
		for _, e := range f.entries() {
			sum += int64(load(&e.message))
		}
		if sum >= most {
			return true
		}
	}
	return false
}

// validate finds rules that go beyond the limits. who is the broker, for
// people.
func (l *Limits) validate(c *Config, who string) error {
	var faults []error
	for i, o := range c.Out {
		r := rule{from: o.Topic, to: o.To, qos: o.QoS}
		there := r.target()
		if shortest, ok := r.apply("device/x/y"); ok { // of what a gateway says
			there = mqtt.Filter(shortest)
		}
		faults = append(faults, l.validateRule(keyOf("out", i), &r, there, toKey(o.To), who))
	}
	for i, in := range c.In {
		faults = append(faults, l.validateRule(keyOf("in", i), &rule{qos: in.QoS}, in.Topic, "topic", who))
	}
	if wanted := len(c.In) + 1; l.Subscriptions > 0 && wanted > l.Subscriptions {
		faults = append(faults, configs.Bad("in", "%d topic filters, and one for the gateway's own status: %s takes %d", len(c.In), who, l.Subscriptions))
	}
	return errors.Join(faults...)
}

// toKey is the key that says where a rule leads.
func toKey(to mqtt.Filter) string {
	if to == "" {
		return "topic"
	}
	return "to"
}

// validateRule checks one rule, there being the filter that it has there.
func (l *Limits) validateRule(key string, r *rule, there mqtt.Filter, leads, who string) error {
	fixed := strings.TrimSuffix(string(there), "/#")
	switch {
	case r.qos > l.QoS:
		return configs.Bad(key+".qos", "%s takes QoS %d at most", who, l.QoS)
	case l.Topic > 0 && len(fixed) > l.Topic:
		return configs.Bad(key+"."+leads, "%d bytes are more than the %d that a topic may have for %s", len(fixed), l.Topic, who)
	case l.Levels > 0 && levels(fixed) > l.Levels:
		return configs.Bad(key+"."+leads, "%d levels are more than the %d that a topic may have for %s", levels(fixed), l.Levels, who)
	}
	return nil
}

// within is a range for people.
func within(low, high configs.Duration) string {
	if low == 0 {
		return fmt.Sprintf("at most %v", high)
	}
	return fmt.Sprintf("%v to %v", low, high)
}
