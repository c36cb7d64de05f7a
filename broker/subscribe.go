package broker

import (
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// subscribe adds a subscription to a filter that is Subscribable, and queues
// the retained messages that it brings if they are wanted.
//
// While retained messages are gathered the session holds new ones back, so
// that an old value never comes after a newer one; nobody else waits for it.
func (s *session) subscribe(f mqtt.Filter, o tree.Options, retained bool) {
	mark, ok := s.hold(f, o, retained)
	if ok && retained {
		s.replay(mark, s.server.offered(f, time.Now()), o)
	}
}

// hold adds the subscription, and returns how much was in the queue before it
// could bring anything. It fails if the session has ended.
func (s *session) hold(f mqtt.Filter, o tree.Options, retained bool) (mark int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, false
	}
	s.server.tree.Subscribe(s, f, o)
	if s.durable {
		s.server.note(Subscribed{s.id, f, o.QoS, o.NoLocal, o.RetainAsPublished, o.ID})
	}
	s.held = retained
	return s.queue.len(), true
}

// replay queues retained messages behind the first mark deliveries.
func (s *session) replay(mark int, messages []retainedMessage, o tree.Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	if s.gone {
		return
	}
	later := s.queue.cut(min(mark, s.queue.len()))
	for _, m := range messages {
		if s.denies(m.Topic) {
			continue
		}
		d := delivery{message: m.message, qos: min(m.QoS, o.QoS), retain: true, replay: true}
		if o.ID != 0 {
			d.ids = []uint32{o.ID}
		}
		if s.durable && d.qos > 0 {
			d.number = s.server.noteReplay(s, &d)
		}
		s.enqueue(d)
	}
	for _, d := range later {
		s.queue.push(d)
	}
	if s.inbox != nil {
		s.inbox.ring()
	}
}

// subscribe answers SUBSCRIBE.
func (c *conn) subscribe(f packet.Frame) error {
	var p packet.Subscribe
	if err := p.Decode(c.version, f.Body); err != nil {
		return err
	}
	reasons := make([]packet.Reason, len(p.Subscriptions))
	wanted := make([]bool, len(p.Subscriptions))
	for i := range p.Subscriptions {
		sub := &p.Subscriptions[i]
		sub.QoS = min(sub.QoS, mqtt.QoS(c.cfg.MaxQoS)) // [MQTT-3.2.2-10]
		share, _ := sub.Filter.Split()
		reasons[i], wanted[i] = c.accept(sub, share != "")
	}
	// SUBACK goes first, although the standard does not ask for it.
	if err := c.answerFilters(packet.SUBACK, p.ID, reasons); err != nil {
		return err
	}
	for i := range p.Subscriptions {
		if !reasons[i].Failed() {
			sub := &p.Subscriptions[i]
			o := tree.Options{
				QoS: sub.QoS, NoLocal: sub.NoLocal || c.bridge, RetainAsPublished: sub.RetainAsPublished || c.bridge, ID: p.SubscriptionID(),
			}
			c.session.subscribe(sub.Filter, o, wanted[i])
		}
	}
	c.settled = true // endBatch sends what came of it, after SUBACK
	return nil
}

// accept decides on one subscription: the reason code to answer, and whether
// retained messages are to be sent.
func (c *conn) accept(sub *packet.Subscription, shared bool) (r packet.Reason, retained bool) {
	if !c.server.Access.MaySubscribe(c.peer, sub.Filter) {
		return packet.NotAuthorized, false
	}
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return packet.TakenOver, false
	}
	known, ok := s.remember(sub.Filter)
	if !ok {
		return packet.QuotaExceeded, false
	}
	// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]; never for shared ones.
	retained = !shared && (sub.Retain == packet.SendRetained || sub.Retain == packet.SendRetainedIfNew && !known)
	return packet.Reason(sub.QoS), retained
}

// meanFilter is how long in bytes the filters of a client may be on average,
// if it has as many as it may; one may have any length.
const meanFilter = 256

// remember notes a filter in the session, whose lock is held. A client outside may
// have so many only.
func (s *session) remember(f mqtt.Filter) (known, ok bool) {
	if _, known = s.subs[f]; known {
		return true, true
	}
	most := s.server.cfg().MaxSubscriptions
	if !s.inner && (len(s.subs) >= most || s.subBytes > most*meanFilter || deep(string(f))) {
		return false, false
	}
	if s.subs == nil {
		s.subs = map[mqtt.Filter]struct{}{}
	}
	s.subs[f] = struct{}{}
	s.subBytes += len(f)
	return false, true
}

// forget is the opposite of remember.
func (s *session) forget(f mqtt.Filter) {
	delete(s.subs, f)
	s.subBytes -= len(f)
}

// unsubscribe answers UNSUBSCRIBE. [MQTT-3.10.4-4]
func (c *conn) unsubscribe(f packet.Frame) error {
	var p packet.Unsubscribe
	if err := p.Decode(c.version, f.Body); err != nil {
		return err
	}
	reasons := make([]packet.Reason, len(p.Filters))
	for i, filter := range p.Filters {
		reasons[i] = c.session.unsubscribe(c, filter)
	}
	return c.answerFilters(packet.UNSUBACK, p.ID, reasons)
}

// answerFilters sends SUBACK or UNSUBACK. It fails if the client takes no packet
// as long as that. [MQTT-3.1.2-24]
func (c *conn) answerFilters(t packet.Type, id uint16, reasons []packet.Reason) error {
	c.owes = c.owes || c.session.durable
	before := len(c.answers)
	c.answer(func(buf []byte) []byte { return packet.AppendSuback(buf, c.version, t, id, reasons) })
	if size := len(c.answers) - before; size > c.maxPacket {
		c.answers = c.answers[:before]
		return packet.Errorf(packet.TooLarge, "%v of %d bytes, but the client takes %d", t, size, c.maxPacket)
	}
	return nil
}

func (s *session) unsubscribe(c *conn, f mqtt.Filter) packet.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return packet.TakenOver
	}
	if !s.server.tree.Unsubscribe(s, f) {
		return packet.NoSubscription
	}
	s.forget(f)
	if s.durable {
		s.server.note(Unsubscribed{s.id, f})
	}
	return packet.Success
}
