package broker

import "fieldmq/broker/packet"

// The acknowledgements of QoS 1 and 2, as they change a session. Each takes the
// connection that they came by and does nothing if the session has passed to
// another one. [MQTT-4.3.2] [MQTT-4.3.3]

// acknowledged is PUBACK.
func (s *session) acknowledged(c *conn, id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return
	}
	if i := s.inflight.find(id); i >= 0 && s.inflight.at(i).qos == 1 {
		s.settle(i)
	}
}

// settle ends a flight.
func (s *session) settle(i int) {
	f := s.inflight.settle(i)
	s.settled(&f.delivery)
}

// receivedBy is PUBREC. It says whether PUBREL is to be sent, and with what.
func (s *session) receivedBy(c *conn, id uint16, r packet.Reason) (answer bool, with packet.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return false, 0
	}
	i := s.inflight.find(id)
	if i < 0 || s.inflight.at(i).qos != 2 {
		return !r.Failed(), packet.IDNotFound
	}
	if r.Failed() { // [MQTT-4.3.3-4]: only a PUBREC below 0x80 is followed by PUBREL
		s.settle(i)
		return false, 0
	}
	s.inflight.release(i)
	if number := s.inflight.at(i).number; number != 0 {
		s.server.note(Released{ClientID: s.id, Number: number})
	}
	return true, packet.Success
}

// completed is PUBCOMP.
func (s *session) completed(c *conn, id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return
	}
	if i := s.inflight.find(id); i >= 0 && s.inflight.at(i).released {
		s.settle(i)
	}
}

// firstTime notes the identifier of a QoS 2 message that came in. It says
// whether the message is new, and fails if too many are unfinished.
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
	if len(s.received) >= s.server.cfg.ReceiveMaximum && c.version == packet.V5 {
		return false, packet.Errorf(packet.ReceiveMaxExceeded, "%d messages of QoS 2 unfinished", len(s.received))
	}
	s.receive(id)
	if s.durable {
		s.server.note(Received{ClientID: s.id, PacketID: id})
	}
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
