package bridge

import (
	"context"
	"slices"
	"strings"

	"github.com/eclipse/paho.golang/packets"

	"fieldmq/broker/mqtt"
)

// Reasons for which what comes is not published here.
const (
	refusedExpired  = "expired"
	refusedRetained = "retained"
	refusedLoop     = "loop"
	refusedTopic    = "no rule for the topic"
	refusedBroker   = "broker"

	nothing = "nothing" // was to be published
)

// receive takes a message from upstream in. It is acknowledged afterwards.
func (b *Bridge) receive(ctx context.Context, p *packets.Publish) {
	if b.status != "" && p.Topic == b.status {
		b.checkStatus(p)
		return
	}
	reason := b.admit(ctx, p)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch reason {
	case "":
		b.received++
	case nothing:
	default:
		b.refused[reason]++
	}
}

// admit publishes a message here, or says why not.
func (b *Bridge) admit(ctx context.Context, p *packets.Publish) (reason string) {
	m, ok := decode(p)
	here, known := b.meant(&m)
	switch {
	case !ok:
		return refusedExpired
	case m.Retain:
		return refusedRetained // it was not asked for: see In
	case known && here == "" && b.format != nil:
		return nothing
	case !known, !mqtt.ValidTopic(here), strings.HasPrefix(here, "$"), strings.HasPrefix(here, ownRoot):
		return refusedTopic
	case crossed(&m, b.identity.Gateway+"/"):
		return refusedLoop
	}
	m.Topic = here
	m.UserProperties = append(slices.Clip(m.UserProperties), mqtt.UserProperty{Name: propHop, Value: b.mark()})
	if m.ResponseTopic != "" {
		m.ResponseTopic = b.replies.lend(m.ResponseTopic)
	}
	if err := b.publish(ctx, m, p); err != nil {
		b.protocol.withhold()
		return refusedBroker
	}
	if b.format != nil {
		b.format.published(&m)
	}
	return ""
}

// publish publishes here what came in a packet.
func (b *Bridge) publish(ctx context.Context, m mqtt.Message, p *packets.Publish) error {
	if m.QoS == mqtt.ExactlyOnce && b.feed != nil {
		return b.feed.Receive(ctx, p.PacketID, m)
	}
	return b.broker.Publish(ctx, m)
}

// meant is the topic here of a message from there, which is translated if there
// is a format; ok is false for one that no rule takes.
func (b *Bridge) meant(m *mqtt.Message) (here string, ok bool) {
	here, by := carry(b.in, m.Topic)
	if by == nil || b.format == nil {
		return here, by != nil
	}
	retain := m.Retain
	*m, ok = b.format.down(*m)
	m.Retain = retain
	return m.Topic, ok
}

// checkStatus says again that the gateway is online where someone else says
// that it is not: the will of a connection that was given up long ago, or a
// broker that was restored from a backup.
func (b *Bridge) checkStatus(p *packets.Publish) {
	if string(p.Payload) != string(b.identity.Online.Payload) && !b.isStopping() {
		b.queue.assert(b.word(b.identity.Online))
	}
}
