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
	noted   bool     // the store was told something of it
	origin  Received // of QoS 2, until the store has it; empty: it need not
	from    *session // who has published it; nil: nobody who could get it back
	echoed  bool     // the publisher gets a message back, once it has its answer
	own     bool     // it comes from this process
	crowded *session // a receiver that cannot keep up; see giveWay
	refused error    // by the store, of a message that is to be acknowledged
}

// target is a session that a message goes to, and how.
type target struct {
	session *session
	how     *tree.Delivery
	share   mqtt.Filter
	fate    Fate // of a feed
}

// carry delivers a message and says whether anyone takes it. From is the
// publisher's session, nil if it has none; source is who is to be asked for if it
// is retained, nil for this process.
func (k *courier) carry(m mqtt.Message, from *session, source *Peer, now time.Time) (taken bool) {
	k.pub.begin(m, now)
	k.from, k.noted = from, m.Retain
	if m.Retain {
		if err := k.server.retain(&k.pub, source); err != nil && m.QoS > mqtt.AtMostOnce {
			k.refused = err
		}
	}
	// Looked up after the message is retained: who subscribes at this moment
	// finds it there, or is found here.
	k.own = from == nil || from.inner
	k.topic = append(k.topic[:0], m.Topic...)
	match := k.server.tree.Match(k.topic)
	for i := range match.Receivers {
		r := &match.Receivers[i]
		how := &r.Delivery
		if r.Subscriber == from {
			how = r.Own
		}
		if how != nil && !r.Subscriber.denies(m.Topic) {
			k.targets = append(k.targets, target{session: r.Subscriber, how: how})
		}
	}
	for _, g := range match.Groups {
		k.choose(g, from)
	}
	// A subscriber that wants nothing of its own takes the topic all the same.
	return k.deliver(now) || len(match.Receivers) > 0
}

// choose makes one member of a group a target.
func (k *courier) choose(g *tree.Group[*session], from *session) {
	m := k.server.cfg().Shared.choose(g, k.topic, from)
	k.targets = append(k.targets, target{session: m.Subscriber, how: memberDelivery(&m.Options), share: g.Filter})
}

// deliver offers the message to all targets, and says whether there were any.
func (k *courier) deliver(now time.Time) bool {
	if len(k.targets) == 0 {
		return false
	}
	number, err := k.noteQueued(now)
	if err != nil {
		k.refused = err
	}
	k.number = number
	for i := range k.targets {
		if t := &k.targets[i]; !t.session.stored {
			t.session.offer(k, t.how, t.share, now)
		}
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
	k.from = nil
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
	k.done() // who has no connection to read from waits for nobody
}

// done forgets what was of interest to one publisher.
func (k *courier) done() {
	k.refused = nil // who wants to know has asked
	k.from, k.echoed, k.crowded = nil, false, nil
	k.pub.begin(mqtt.Message{}, time.Time{})
}
