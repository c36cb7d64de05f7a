package broker

import (
	"unicode/utf8"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// receive does what PUBLISH asks for.
func (c *conn) receive(f packet.Frame) error {
	p := &c.in
	if err := p.Decode(c.version, f); err != nil {
		return err
	}
	if len(p.Properties.SubscriptionIDs) > 0 { // [MQTT-3.3.4-6]
		return packet.Errorf(packet.ProtocolError, "subscription identifier in a PUBLISH from a client")
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
	r := c.publishAs(p, topic)
	if r == packet.PayloadInvalid && p.QoS == mqtt.AtMostOnce { // no acknowledgement can tell
		return packet.Errorf(r, "payload of %d bytes", len(p.Payload))
	}
	c.acknowledgePublish(p, r)
	return nil
}

// resolve is the topic of a PUBLISH that may use an alias. [MQTT-3.3.2-7]
// [MQTT-3.3.2-9] [MQTT-3.3.2-12]
func (c *conn) resolve(p *packet.Publish) ([]byte, error) {
	if !p.Properties.Has(packet.TopicAlias) {
		return p.Topic, nil
	}
	alias := int(p.Properties.Number(packet.TopicAlias))
	if alias > c.server.cfg.MaxTopicAliases {
		return nil, packet.Errorf(packet.TopicAliasInvalid, "topic alias %d", alias)
	}
	if c.known == nil {
		c.known = make([][]byte, c.server.cfg.MaxTopicAliases+1)
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
	if reserved(name) || !c.server.Access.MayPublish(&c.peer, name) {
		return packet.NotAuthorized
	}
	if p.Retain && len(p.Payload) > 0 && !c.server.mayRetain(name) {
		return packet.QuotaExceeded
	}
	m := mqtt.Message{Topic: name, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain}
	p.Describe(&m)
	if c.server.lies(&m) {
		return packet.PayloadInvalid
	}
	if !c.courier.carry(m, c.session, c.now) {
		return packet.NoMatching
	}
	return packet.Success
}

// lies says whether a message is to be refused because it says to be text and
// is not. [MQTT-3.3.2.3.2]
func (s *Server) lies(m *mqtt.Message) bool {
	return s.cfg.CheckPayload && m.UTF8 && !utf8.Valid(m.Payload)
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
		c.ack(packet.PUBREC, p.ID, r)
	}
}
