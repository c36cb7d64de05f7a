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

	targets []target // of the message at hand
	number  uint64   // its name in the store
	crowded *session // a receiver that cannot keep up; see giveWay
	refused error    // by the store, of a message that is to be acknowledged
}

// target is a session that a message goes to, and how.
type target struct {
	session *session
	how     *tree.Delivery
	share   mqtt.Filter
}

// carry delivers a message and says whether anyone takes it. From is the
// publisher's session, nil if it has none.
func (k *courier) carry(m mqtt.Message, from *session, now time.Time) (taken bool) {
	k.pub.begin(m, now)
	if m.Retain {
		if err := k.server.retain(&k.pub); err != nil && m.QoS > mqtt.AtMostOnce {
			k.refused = err
		}
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
			k.targets = append(k.targets, target{r.Subscriber, how, ""})
		}
	}
	for _, g := range match.Groups {
		k.choose(g, from)
	}
	return k.deliver(now)
}

// choose makes one member of a group a target.
func (k *courier) choose(g *tree.Group[*session], from *session) {
	m := k.server.cfg.Shared.choose(g, k.topic, from)
	k.targets = append(k.targets, target{m.Subscriber, memberDelivery(&m.Options), g.Filter})
}

// deliver offers the message to all targets, and says whether there were any.
func (k *courier) deliver(now time.Time) bool {
	if len(k.targets) == 0 {
		return false
	}
	number, err := k.server.noteQueued(&k.pub, k.targets)
	if err != nil {
		k.refused = err
	}
	k.number = number
	for i := range k.targets {
		t := &k.targets[i]
		t.session.offer(k, t.how, t.share, now)
	}
	clear(k.targets)
	k.targets = k.targets[:0]
	return true
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
			k.choose(g, nil)
		}
	}
	k.deliver(now)
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

// withCourier lends a courier to someone who has none, and flushes it.
func (s *Server) withCourier(do func(*courier)) {
	k := s.couriers.Get().(*courier)
	defer s.couriers.Put(k)
	do(k)
	k.flush()
	k.refused = nil // who wants to know has asked
	k.crowded = nil // who has no connection to read from waits for nobody
	k.pub.begin(mqtt.Message{}, time.Time{})
}
