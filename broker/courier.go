package broker

import (
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/tree"
)

// courier takes messages of one publisher to all who want them. It gathers
// the lines that it wrote to, so that many messages leave in one write.
// One goroutine uses it.
type courier struct {
	server *Server
	pub    publication
	topic  []byte
	lines  []*line // to be flushed

	crowded *session // a receiver that cannot keep up; see giveWay
}

// carry delivers a message and says whether anyone takes it. From is the
// publisher's session, nil if it has none.
func (k *courier) carry(m mqtt.Message, from *session, now time.Time) (taken bool) {
	k.pub.begin(m, now)
	if m.Retain {
		k.server.retain(&k.pub)
	}
	// Looked up after the message is retained: who subscribes at this moment
	// finds it there, or is found here.
	k.topic = append(k.topic[:0], m.Topic...)
	match := k.server.tree.Match(k.topic)
	for i := range match.Receivers {
		r := &match.Receivers[i]
		how := &r.Delivery
		if r.Subscriber == from {
			how = r.Own
		}
		if how != nil {
			taken = true
			r.Subscriber.offer(k, how, "", now)
		}
	}
	for _, g := range match.Groups {
		taken = true
		k.handGroup(g, now)
	}
	return taken
}

// passOn gives a message that came by a shared subscription to another member,
// for the first one is gone. [MQTT-4.8.2]
func (k *courier) passOn(d *delivery, now time.Time) {
	if d.share == "" || d.message.expired(now) {
		return
	}
	k.pub.resume(d.message)
	k.topic = append(k.topic[:0], d.message.Topic...)
	for _, g := range k.server.tree.Match(k.topic).Groups {
		if g.Filter == d.share {
			k.handGroup(g, now)
		}
	}
}

// handGroup offers the message to one member.
func (k *courier) handGroup(g *tree.Group[*session], now time.Time) {
	m := g.Next((*session).online)
	m.Subscriber.offer(k, memberDelivery(&m.Options), g.Filter, now)
}

func memberDelivery(o *tree.Options) *tree.Delivery {
	d := &tree.Delivery{QoS: o.QoS, RetainAsPublished: o.RetainAsPublished}
	if o.ID != 0 {
		d.IDs = []uint32{o.ID}
	}
	return d
}

// flush writes what was handed out.
func (k *courier) flush() {
	for i, l := range k.lines {
		l.flush()
		k.lines[i] = nil
	}
	k.lines = k.lines[:0]
}
