package main

import (
	"fmt"
	"maps"
	"slices"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// connect opens a connection, also while there is one: that one is taken over.
func (a *actor) connect(clean bool) error {
	old, oldWill := a.link, a.will
	hello, lasting := a.hello(clean)
	a.world.mu.Lock()
	at := a.world.tick()
	if old != nil {
		a.speak(oldWill, at)
	}
	present := !hello.CleanStart && a.session != nil && a.session.lasting
	if !present {
		a.leaveSession(at, "ends, for a new one begins")
	}
	a.will, a.bare = a.bequeath(&hello), nil
	a.world.mu.Unlock()

	a.links++
	l, ack, err := dialLink(a.addr, a.links, hello)
	if err != nil {
		return err
	}
	if old != nil {
		if err := old.awaitEnd(); err != nil {
			return err
		}
	}
	a.world.mu.Lock()
	a.begin(l, lasting, present)
	if ack.SessionPresent != present {
		a.session.blame("", "session present: got %v, want %v", ack.SessionPresent, present)
	}
	a.session.note(a.world.tick(), "connection %d, version %d, clean %v, lasting %v, receive maximum %d",
		l.number, l.version, hello.CleanStart, lasting, l.quota)
	session := a.session
	a.world.mu.Unlock()
	a.link = l
	go a.listen(l, session)
	a.resend()
	return nil
}

// hello is how the client connects this time. A session that goes on keeps its
// version and its expiry.
func (a *actor) hello(clean bool) (hello packet.Connect, lasting bool) {
	hello = packet.Connect{Version: packet.V311, ClientID: fmt.Sprintf("soak-%d", a.index), CleanStart: clean, KeepAlive: 60}
	lasting = a.rng.IntN(3) > 0
	if a.rng.IntN(2) == 0 {
		hello.Version = packet.V5
	}
	if a.session != nil && !clean {
		hello.Version, lasting = a.session.version, a.session.lasting
	}
	if hello.Version == packet.V311 {
		// A new session lasts only if there is none to clean.
		lasting = lasting && (!clean || a.session == nil)
		hello.CleanStart = !lasting
		return hello, lasting
	}
	if lasting {
		hello.Properties.SetNumber(packet.SessionExpiry, 3600)
	}
	if a.rng.IntN(2) == 0 {
		hello.Properties.SetNumber(packet.ReceiveMaximum, uint32(1+a.rng.IntN(20)))
	}
	if a.rng.IntN(2) == 0 {
		hello.Properties.SetNumber(packet.TopicAliasMaximum, uint32(a.rng.IntN(6)))
	}
	return hello, lasting
}

// begin takes the connection in. The lock is held.
func (a *actor) begin(l *link, lasting, present bool) {
	a.answers = map[uint16]answer{}
	if !present {
		a.session = &session{client: a.index, version: l.version, lasting: lasting}
		a.sessions = append(a.sessions, a.session)
		a.flights, a.known = nil, map[uint16]uint64{}
	}
	a.session.lastLink = l.number
}

// leaveSession notes that the session is over. The lock is held.
func (a *actor) leaveSession(at tick, why string) {
	if a.session != nil {
		a.session.over = true
		a.session.note(at, "%s", why)
		a.session = nil
	}
}

// bequeath leaves a will, or none. The lock is held.
func (a *actor) bequeath(hello *packet.Connect) *message {
	if a.rng.IntN(3) == 0 {
		return nil
	}
	m := &message{
		topic: fmt.Sprintf("soak/will/%d", a.index), qos: mqtt.QoS(a.rng.IntN(3)), retain: a.rng.IntN(4) == 0,
		will: true, begin: never, end: never,
	}
	a.name(m, a.rng.IntN(100))
	hello.Will = &packet.Will{Message: mqtt.Message{Topic: m.topic, Payload: []byte(m.payload), QoS: m.qos, Retain: m.retain}}
	return m
}

// speak notes that a will is published from now on. The lock is held.
func (a *actor) speak(will *message, at tick) {
	if will != nil {
		will.begin = at
	}
}

// resend repeats what the broker has not acknowledged. A message of QoS 1 gets
// a new name, for both may arrive.
func (a *actor) resend() {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	for _, f := range a.flights {
		l, id := a.link, f.packetID
		if f.taken {
			l.send(func(buf []byte) []byte { return packet.AppendAck(buf, l.version, packet.PUBREL, id, packet.Success) })
			continue
		}
		if f.qos == mqtt.AtLeastOnce {
			again := *f.message
			again.begin, again.end = a.world.tick(), never
			a.name(&again, 10)
			f.message = &again
		}
		l.send(func(buf []byte) []byte { return appendPublish(buf, l.version, f.message, id, true) })
	}
}

// die ends the connection without a word.
func (a *actor) die(hard bool) {
	a.world.mu.Lock()
	a.speak(a.will, a.world.tick())
	a.session.note(a.world.now, "connection %d is cut", a.link.number)
	a.world.mu.Unlock()
	a.link.cut(hard)
	a.ended()
}

// disconnect says good-bye, after which there is no will; or, in 5.0, asks for
// it all the same.
func (a *actor) disconnect() error {
	reason := packet.Success
	if a.link.version == packet.V5 && a.rng.IntN(3) == 0 {
		reason = packet.DisconnectWithWill
	}
	a.world.mu.Lock()
	at := a.world.tick()
	if reason != packet.Success {
		a.speak(a.will, at)
	} else if a.will != nil {
		a.will.void = true
	}
	a.session.note(at, "connection %d disconnects with %v", a.link.number, reason)
	a.world.mu.Unlock()
	a.link.send(func(buf []byte) []byte { return packet.AppendDisconnect(buf, a.link.version, reason, nil) })
	// The broker closes: if the client did, what it has not read would make
	// that a reset, which may overtake the good-bye.
	if err := a.link.awaitEnd(); err != nil {
		return err
	}
	a.ended()
	return nil
}

// ended notes that there is no connection.
func (a *actor) ended() {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	a.link, a.will, a.bare = nil, nil, nil
	if !a.session.lasting {
		a.leaveSession(a.world.tick(), "ends with its connection")
	}
}

func (a *actor) takeOver() error { return a.connect(a.rng.IntN(4) == 0) }

// subscribe subscribes to a filter, perhaps again, and waits for the answer.
func (a *actor) subscribe(f mqtt.Filter) error {
	sub := packet.Subscription{Filter: f, QoS: mqtt.QoS(a.rng.IntN(3))}
	if a.link.version == packet.V5 {
		sub.NoLocal = a.rng.IntN(4) == 0
		sub.Retain = packet.RetainHandling(a.rng.IntN(3))
	}
	a.world.mu.Lock()
	id := a.nextID()
	s := a.session
	known := s.active(f)
	g := grant{qos: sub.QoS, noLocal: sub.NoLocal, asked: a.world.tick(), answered: never, link: a.link.number}
	g.retained = sub.Retain == packet.SendRetained || sub.Retain == packet.SendRetainedIfNew && known == nil
	if known == nil {
		known = &subscription{filter: f, asked: never, left: never}
		s.subs = append(s.subs, known)
	}
	known.grants = append(known.grants, g)
	a.world.mu.Unlock()
	p := packet.Subscribe{ID: id, Subscriptions: []packet.Subscription{sub}}
	a.link.send(func(buf []byte) []byte { return p.Append(buf, a.link.version) })
	answer, err := a.answer(id)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", f, err)
	}
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	known.grants[len(known.grants)-1].answered = answer.at
	if !slices.Equal(answer.reasons, []packet.Reason{packet.Reason(sub.QoS)}) {
		s.blame("", "subscribe %s with QoS %d: answered by %v", f, sub.QoS, answer.reasons)
	}
	s.note(g.asked, "subscribes %s with QoS %d, no local %v, retain handling %d", f, sub.QoS, sub.NoLocal, sub.Retain)
	return nil
}

// answer waits for a SUBACK or UNSUBACK.
func (a *actor) answer(id uint16) (got answer, err error) {
	err = a.await(func() (came bool) {
		got, came = a.answers[id]
		delete(a.answers, id)
		return came
	})
	return got, err
}

// unsubscribe gives up one of the subscriptions.
func (a *actor) unsubscribe() error {
	a.world.mu.Lock()
	s := a.session
	active := map[mqtt.Filter]*subscription{}
	for _, sub := range s.subs {
		if sub.asked == never {
			active[sub.filter] = sub
		}
	}
	if len(active) == 0 {
		a.world.mu.Unlock()
		return nil
	}
	filters := slices.Sorted(maps.Keys(active))
	sub := active[filters[a.rng.IntN(len(filters))]]
	sub.asked = a.world.tick()
	id := a.nextID()
	s.note(sub.asked, "unsubscribes %s", sub.filter)
	a.world.mu.Unlock()
	p := packet.Unsubscribe{ID: id, Filters: []mqtt.Filter{sub.filter}}
	a.link.send(func(buf []byte) []byte { return p.Append(buf, a.link.version) })
	answer, err := a.answer(id)
	if err != nil {
		return fmt.Errorf("unsubscribe %s: %w", sub.filter, err)
	}
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	sub.left = answer.at
	return nil
}
