package main

import (
	"fmt"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// listen reads a connection until it ends, and notes what comes.
func (a *actor) listen(l *link, s *session) {
	if err := l.read(func(f packet.Frame) error { return a.take(l, s, f) }); err != nil {
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		s.blame("", "connection %d: %v", l.number, err)
		_ = l.conn.Close() // it is of no more use
	}
}

func (a *actor) take(l *link, s *session, f packet.Frame) error {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	switch f.Type() {
	case packet.PUBLISH:
		return a.takePublish(l, s, f)
	case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
		var p packet.Ack
		if err := p.Decode(l.version, f); err != nil {
			return err
		}
		return a.settle(l, f.Type(), p)
	case packet.SUBACK, packet.UNSUBACK:
		var p packet.Suback
		if err := p.Decode(l.version, f); err != nil {
			return err
		}
		a.answers[p.ID] = answer{a.world.tick(), p.Reasons}
	case packet.PINGRESP:
		a.pongs++
	case packet.DISCONNECT:
		var p packet.Disconnect
		if err := p.Decode(l.version, f); err != nil {
			return err
		}
		l.reason = p.Reason
		s.note(a.world.tick(), "told to go: %v", p.Reason)
	default:
		return fmt.Errorf("%v from a broker", f.Type())
	}
	return nil
}

func (a *actor) takePublish(l *link, s *session, f packet.Frame) error {
	var p packet.Publish
	if err := p.Decode(l.version, f); err != nil {
		return err
	}
	topic, err := l.topic(&p)
	if err != nil {
		return err
	}
	d := delivery{at: a.world.tick(), link: l.number, topic: topic, qos: p.QoS, dup: p.Dup, retain: p.Retain, empty: len(p.Payload) == 0}
	if !d.empty {
		if d.id, err = readID(string(p.Payload)); err != nil {
			return fmt.Errorf("payload %.40q on %s is nobody's", p.Payload, topic)
		}
		if m := a.world.byID[d.id]; m != nil && m.payload != string(p.Payload) {
			s.blame(topic, "%v came with another payload", m)
		}
	}
	if p.QoS > mqtt.AtMostOnce {
		l.open[p.ID] = struct{}{}
		if l.quota > 0 && len(l.open) > l.quota {
			s.blame(topic, "%d messages in flight, receive maximum %d", len(l.open), l.quota)
		}
	}
	switch p.QoS {
	case mqtt.AtLeastOnce:
		l.ack(packet.PUBACK, p.ID)
	case mqtt.ExactlyOnce:
		l.ack(packet.PUBREC, p.ID)
		if before, known := a.known[p.ID]; known {
			if before != d.id || !p.Dup {
				s.blame(topic, "packet identifier %d is in use for %d.%d", p.ID, before>>32, uint32(before))
			}
			return nil
		}
		a.known[p.ID] = d.id
	}
	s.got = append(s.got, d)
	return nil
}

// settle does what an acknowledgement asks for.
func (a *actor) settle(l *link, t packet.Type, p packet.Ack) error {
	if t == packet.PUBREL {
		delete(a.known, p.ID)
		l.ack(packet.PUBCOMP, p.ID)
		return nil
	}
	i := a.flightOf(p.ID)
	if i < 0 {
		return fmt.Errorf("%v of %d, which is not in flight", t, p.ID)
	}
	f := a.flights[i]
	// A PUBREL that is sent again may find its identifier gone: that is no error.
	refused := p.Reason.Failed() && t != packet.PUBCOMP
	if refused || (f.qos == mqtt.AtLeastOnce) != (t == packet.PUBACK) {
		return fmt.Errorf("%v with %v for %v", t, p.Reason, f.message)
	}
	f.end = min(f.end, a.world.tick())
	if t == packet.PUBREC {
		f.taken = true
		l.acks = packet.AppendAck(l.acks, l.version, packet.PUBREL, p.ID, packet.Success)
		return nil
	}
	a.flights = append(a.flights[:i], a.flights[i+1:]...)
	return nil
}
