package broker

import (
	"unicode/utf8"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// receive does what PUBLISH asks for.
func (c *conn) receive(f packet.Frame) error {
	p := &c.publishing().in
	if err := p.Decode(c.version, f); err != nil {
		return err
	}
	if len(p.Properties.SubscriptionIDs) > 0 { // [MQTT-3.3.4-6]
		return packet.Errorf(packet.ProtocolError, "subscription identifier in a PUBLISH from a client")
	}
	if err := c.cfg.supports(p.QoS, p.Retain); err != nil {
		return err
	}
	topic, err := c.resolve(p)
	if err != nil {
		return err
	}
	c.received.publishes++
	c.received.payload += int64(len(p.Payload))
	if p.QoS == mqtt.ExactlyOnce {
		isNew, err := c.session.firstTime(c, p.ID)
		if err != nil {
			return err
		}
		if !isNew {
			c.ack(packet.PUBREC, p.ID, packet.Success)
			return nil
		}
	}
	r := c.publishOnce(p, topic)
	if r == packet.PayloadInvalid && p.QoS == mqtt.AtMostOnce { // no acknowledgement can tell
		return packet.Errorf(r, "payload of %d bytes", len(p.Payload))
	}
	c.acknowledgePublish(p, r)
	return nil
}

// publishOnce is publishAs that tells the store of the identifier of a message of
// QoS 2: with the message if it takes that, else behind all that came of it. What
// is refused is not received; the client will bring it again.
func (c *conn) publishOnce(p *packet.Publish, topic []byte) packet.Reason {
	if p.QoS != mqtt.ExactlyOnce || !c.session.durable {
		return c.publishAs(p, topic)
	}
	accepts := c.batch.refused == nil
	c.batch.origin = Received{ClientID: c.session.id, PacketID: p.ID}
	r := c.publishAs(p, topic)
	switch {
	case accepts && c.batch.refused != nil:
		c.session.released(c, p.ID)
	case c.batch.origin != Received{} && !r.Failed():
		c.server.note(c.batch.origin)
	}
	c.batch.origin = Received{}
	return r
}

// supports fails for what the configuration does not let clients publish.
// [MQTT-3.2.2-12] [MQTT-3.2.2-13]
func (c *Config) supports(q mqtt.QoS, retain bool) error {
	switch {
	case int(q) > c.MaxQoS:
		return packet.Errorf(packet.QoSUnsupported, "QoS %d", q)
	case retain && !c.Retain:
		return packet.Errorf(packet.RetainUnsupported, "retained message")
	}
	return nil
}

// resolve is the topic of a PUBLISH that may use an alias. [MQTT-3.3.2-7]
// [MQTT-3.3.2-9] [MQTT-3.3.2-12]
func (c *conn) resolve(p *packet.Publish) ([]byte, error) {
	if !p.Properties.Has(packet.TopicAlias) {
		return p.Topic, nil
	}
	alias := int(p.Properties.Number(packet.TopicAlias))
	if alias > c.cfg.MaxTopicAliases {
		return nil, packet.Errorf(packet.TopicAliasInvalid, "topic alias %d", alias)
	}
	if c.known == nil {
		c.known = make([][]byte, c.cfg.MaxTopicAliases+1)
	}
	if len(p.Topic) > 0 {
		c.known[alias] = append([]byte{}, p.Topic...)
	} else if c.known[alias] == nil {
		return nil, packet.Errorf(packet.ProtocolError, "topic alias %d is not known", alias)
	}
	return c.known[alias], nil
}

// publishAs sends the message on its way, if the client may.
func (c *conn) publishAs(p *packet.Publish, topic []byte) packet.Reason {
	name := c.server.tree.Match(topic).Topic // most often remembered, so nothing is copied
	if reserved(name) || shared(name) || !c.server.Access.MayPublish(c.peer, name) {
		return packet.NotAuthorized
	}
	told := c.version == packet.V5 && p.QoS > mqtt.AtMostOnce // else those who subscribe have it all the same
	if p.Retain && len(p.Payload) > 0 && told && !c.server.mayRetain(name) {
		return packet.QuotaExceeded
	}
	m := &c.batch.message
	*m = mqtt.Message{Topic: name, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain}
	p.Describe(m)
	if c.server.oversized(m) {
		c.server.figures.Dropped.Add(1)
		return packet.QuotaExceeded
	}
	if c.server.lies(m) {
		return packet.PayloadInvalid
	}
	if m.QoS > mqtt.AtMostOnce && c.server.refused(m) {
		if c.version != packet.V5 { // whose acknowledgement cannot say it
			c.batch.refused = ErrRefused
		}
		return packet.QuotaExceeded
	}
	taken := c.batch.carry(*m, c.session, c.peer, c.now)
	c.settled = c.settled || c.batch.echoed
	if !taken {
		return packet.NoMatching
	}
	return packet.Success
}

// oversized says whether a message is larger than clients may publish.
func (s *Server) oversized(m *mqtt.Message) bool {
	limit := s.cfg().MessageSizeLimit
	return limit > 0 && len(m.Payload) > limit
}

// lies says whether a message is to be refused because it says to be text and
// is not. [MQTT-3.3.2.3.2]
func (s *Server) lies(m *mqtt.Message) bool {
	return s.cfg().CheckPayload && m.UTF8 && !utf8.Valid(m.Payload)
}

// acknowledgePublish answers a message of QoS 1 or 2. [MQTT-4.3.2-4]
// [MQTT-4.3.3-8]
func (c *conn) acknowledgePublish(p *packet.Publish, r packet.Reason) {
	switch p.QoS {
	case mqtt.AtLeastOnce:
		c.ack(packet.PUBACK, p.ID, r)
	case mqtt.ExactlyOnce:
		if r.Failed() { // the identifier is free again
			c.session.released(c, p.ID)
		}
		if r == packet.NoMatching { // as mosquitto has it, which finds out with PUBREL only
			r = packet.Success
		}
		c.ack(packet.PUBREC, p.ID, r)
	}
}
