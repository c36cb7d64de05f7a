package bridge

import (
	"slices"
	"strconv"
	"strings"

	"fieldmq/broker/mqtt"
)

// Plain says whether messages are there what they are here.
func (c *Config) Plain() bool { return c.Format == formatPlain }

// Sends is what a message here goes to a plain upstream as, by the rules alone; ok
// is false if it does not.
func (c *Config) Sends(m mqtt.Message, gateway, upstream string) (sent mqtt.Message, ok bool) {
	to, by := carry(c.outRules(), m.Topic)
	if by == nil {
		return m, false
	}
	m.Topic, m.QoS = to, min(m.QoS, by.qos)
	m.UserProperties = append(slices.Clip(m.UserProperties), mqtt.UserProperty{Name: propHop, Value: gateway + "/" + upstream})
	return m, true
}

func (c *Config) outRules() []rule {
	rules := make([]rule, len(c.Out))
	for i, o := range c.Out {
		rules[i] = rule{o.Topic, o.To, o.QoS}
	}
	return rules
}

// outgoing is what a message here goes upstream as, or why it does not.
func (b *Bridge) outgoing(i item) *entry {
	there, by := carry(b.out, i.message.Topic)
	switch {
	case b.presence.speaksFor(i.message.Topic):
		return &entry{item: i, bytes: i.size(), account: deviceOf(i.message.Topic), unwanted: droppedOwn}
	case by == nil, strings.HasPrefix(i.message.Topic, ownRoot):
		return &entry{item: i, bytes: i.size(), account: deviceOf(i.message.Topic), unwanted: droppedRule}
	case i.message.Topic == b.identity.Online.Topic:
		// Whether the gateway is online the bridge says itself.
		return &entry{item: i, bytes: i.size(), account: deviceOf(i.message.Topic), unwanted: droppedOwn}
	case crossed(&i.message, b.mark()):
		return &entry{item: i, bytes: i.size(), account: deviceOf(i.message.Topic), unwanted: droppedLoop}
	}
	e := b.marked(i)
	e.first = i.message.Retain && b.identity.Statuses.Match(i.message.Topic)
	e.message.Topic, e.message.QoS = there, min(i.message.QoS, by.qos)
	e.message.ResponseTopic = b.wayBack(i.message.ResponseTopic)
	return e
}

// marked is a message that bears the mark of this bridge.
func (b *Bridge) marked(i item) *entry {
	e := &entry{item: i, bytes: i.size(), account: deviceOf(i.message.Topic)}
	e.message.UserProperties = append(slices.Clip(e.message.UserProperties), mqtt.UserProperty{Name: propHop, Value: b.mark()})
	return e
}

// wayBack is the topic upstream that comes in as the one that is named, so that
// an answer finds its way.
func (b *Bridge) wayBack(topic string) string {
	for i := range b.in {
		if there, ok := b.in[i].reverse().apply(topic); ok {
			return there
		}
	}
	return topic
}

// stop says that the bridge is about to end.
func (b *Bridge) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopping = true
}

func (b *Bridge) isStopping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopping
}

// mark is what messages bear that crossed this bridge.
func (b *Bridge) mark() string { return b.identity.Gateway + "/" + b.identity.Upstream }

// number is the property that tells connections of the gateway apart.
func (b *Bridge) number() mqtt.UserProperty {
	return mqtt.UserProperty{Name: propSession, Value: strconv.FormatInt(b.session.Load(), 10)}
}

// crossed says whether a message bears a mark that begins so.
func crossed(m *mqtt.Message, mark string) bool {
	for _, p := range m.UserProperties {
		if p.Name == propHop && strings.HasPrefix(p.Value, mark) {
			return true
		}
	}
	return false
}

// word is the gateway's status as it goes upstream.
func (b *Bridge) word(m mqtt.Message) mqtt.Message {
	m.Topic = b.status
	return m
}
