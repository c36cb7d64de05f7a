package broker

import "fieldmq/broker/packet"

// The acknowledgements of QoS 1 and 2, as they change a session. Each takes the
// connection that they came by and does nothing if the session has passed to
// another one. They fail if the message that they are for wants another one: a
// client that mixes them up has lost count. [MQTT-4.3.2] [MQTT-4.3.3]

// acknowledged is PUBACK.
func (s *session) acknowledged(c *conn, id uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.flightFor(c, packet.PUBACK, id)
	if i >= 0 {
		s.settle(i)
	}
	return err
}

// flightFor is the flight that an acknowledgement is for, -1 if there is none.
// The session's lock is held.
func (s *session) flightFor(c *conn, t packet.Type, id uint16) (int, error) {
	if s.conn != c {
		return -1, nil
	}
	i := s.inflight.find(id)
	if i < 0 {
		return -1, nil
	}
	f := s.inflight.at(i)
	if f.qos == 1 && t != packet.PUBACK || f.qos == 2 && t == packet.PUBACK || t == packet.PUBCOMP && !f.released {
		return -1, packet.Errorf(packet.ProtocolError, "%v for message %d of QoS %d", t, id, f.qos)
	}
	return i, nil
}

// settle ends a flight.
func (s *session) settle(i int) {
	f := s.inflight.settle(i)
	s.settled(&f.delivery)
}

// receivedBy is PUBREC. It says whether PUBREL is to be sent, and with what.
func (s *session) receivedBy(c *conn, id uint16, r packet.Reason) (answer bool, with packet.Reason, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.flightFor(c, packet.PUBREC, id)
	if i < 0 {
		return s.conn == c && !r.Failed(), packet.IDNotFound, err
	}
	if r.Failed() { // [MQTT-4.3.3-4]: only a PUBREC below 0x80 is followed by PUBREL
		s.settle(i)
		return false, 0, nil
	}
	s.inflight.release(i)
	if number := s.inflight.at(i).number; number != 0 {
		s.server.note(Released{ClientID: s.id, Number: number})
	}
	return true, packet.Success, nil
}

// completed is PUBCOMP.
func (s *session) completed(c *conn, id uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.flightFor(c, packet.PUBCOMP, id)
	if i >= 0 {
		s.settle(i)
	}
	return err
}

// firstTime keeps the identifier of a QoS 2 message that came in; the store hears of
// it with the message. It says whether the message is new, and fails if too many are unfinished.
// [MQTT-4.3.3-10] [MQTT-3.3.4-7]
func (s *session) firstTime(c *conn, id uint16) (isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return false, nil
	}
	if _, known := s.received[id]; known {
		return false, nil
	}
	if len(s.received) >= c.cfg.ReceiveMaximum && c.version == packet.V5 {
		return false, packet.Errorf(packet.ReceiveMaxExceeded, "%d messages of QoS 2 unfinished", len(s.received))
	}
	s.receive(id)
	return true, nil
}

func (s *session) receive(id uint16) {
	if s.received == nil {
		s.received = map[uint16]struct{}{}
	}
	s.received[id] = struct{}{}
}

// released is PUBREL. It says whether the identifier was known.
func (s *session) released(c *conn, id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.received[id]
	if known && s.conn == c {
		delete(s.received, id)
		if s.durable {
			s.server.note(Forgotten{ClientID: s.id, PacketID: id})
		}
	}
	return known
}
