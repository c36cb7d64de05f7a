package bridge

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
)

// read puts what the broker here publishes into the queue, until ctx ends or
// finish has told it to end.
func (b *Bridge) read(ctx context.Context) error {
	defer close(b.readAll)
	filters := []mqtt.Filter{mqtt.Filter(own(b.identity.Upstream) + "#")}
	for i := range b.out {
		filters = append(filters, b.out[i].from)
	}
	for m := range b.broker.Subscribe(ctx, filters...) {
		switch {
		case m.Topic == b.end() && b.isStopping():
			return nil
		case strings.HasPrefix(m.Topic, b.replies.prefix):
			b.answer(m)
		case strings.HasPrefix(m.Topic, ownRoot):
		case m.Topic == b.identity.Online.Topic:
			// Whether the gateway is online the bridge says itself.
		default:
			b.export(m)
		}
	}
	return nil
}

// end is the topic of the message after which there is nothing more to read.
func (b *Bridge) end() string { return own(b.identity.Upstream) + "end" }

// finishReading waits until all is read that was published until now.
func (b *Bridge) finishReading(deadline time.Time) {
	b.mu.Lock()
	b.stopping = true
	b.mu.Unlock()
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if err := b.broker.Publish(ctx, mqtt.Message{Topic: b.end(), QoS: mqtt.AtLeastOnce}); err != nil {
		return
	}
	select {
	case <-b.readAll:
	case <-ctx.Done():
	}
}

func (b *Bridge) isStopping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopping
}

// answer sends an answer to where the request from upstream wants it.
func (b *Bridge) answer(m mqtt.Message) {
	there, ok := b.replies.find(m.Topic)
	if !ok {
		return
	}
	m.Topic, m.Retain = there, false
	b.send(m, false)
}

// export sends a message that a rule takes, unless it came from there.
func (b *Bridge) export(m mqtt.Message) {
	there, by := carry(b.out, m.Topic)
	if by == nil || crossed(&m, b.mark()) {
		return
	}
	first := m.Retain && b.identity.Statuses.Match(m.Topic)
	m.Topic, m.QoS = there, min(m.QoS, by.qos)
	m.ResponseTopic = b.wayBack(m.ResponseTopic)
	b.send(m, first)
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

func (b *Bridge) send(m mqtt.Message, first bool) {
	m.UserProperties = append(slices.Clip(m.UserProperties), mqtt.UserProperty{Name: propHop, Value: b.mark()})
	if b.queue.add(m, first, time.Now()) {
		b.log.Error("backlog full, messages are dropped", "full", b.config.Backlog.Full)
	}
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
