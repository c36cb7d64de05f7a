package packet

import (
	"encoding/binary"

	"fieldmq/broker/mqtt"
)

// RetainHandling says which retained messages a subscription brings.
type RetainHandling byte

// When retained messages are sent. [MQTT-3.8.3.1]
const (
	SendRetained RetainHandling = iota
	SendRetainedIfNew
	SendNoRetained
)

// Subscription is one entry of a SUBSCRIBE.
type Subscription struct {
	Filter            mqtt.Filter
	QoS               mqtt.QoS
	NoLocal           bool
	RetainAsPublished bool
	Retain            RetainHandling
}

// Subscribe is a SUBSCRIBE packet.
type Subscribe struct {
	ID            uint16
	Properties    Properties
	Subscriptions []Subscription
}

// SubscriptionID is the subscription identifier, 0 if there is none.
func (p *Subscribe) SubscriptionID() uint32 {
	if len(p.Properties.SubscriptionIDs) == 0 {
		return 0
	}
	return p.Properties.SubscriptionIDs[0]
}

// Decode reads the body of a SUBSCRIBE.
func (p *Subscribe) Decode(v Version, body []byte) error {
	*p = Subscribe{}
	c := cursor{b: body}
	p.ID = c.requestID()
	if v == V5 {
		p.Properties.decode(&c, SUBSCRIBE)
	}
	if c.err == nil && len(c.b) == 0 { // [MQTT-3.8.3-2]
		return protocol("SUBSCRIBE without a filter")
	}
	for len(c.b) > 0 {
		s := Subscription{Filter: c.filter()}
		s.setOptions(&c, v)
		p.Subscriptions = append(p.Subscriptions, s)
	}
	return c.end()
}

func (s *Subscription) setOptions(c *cursor, v Version) {
	o := c.byte()
	s.QoS = mqtt.QoS(o & 3)
	reserved := byte(0xC0) // [MQTT-3.8.3-5]
	if v != V5 {
		reserved = 0xFC // 3.1.1 [MQTT-3.8.3-4]
	}
	switch {
	case o&reserved != 0:
		c.fail(malformed("reserved subscription options"))
	case s.QoS == 3:
		c.fail(protocol("subscription with QoS 3"))
	case o>>4&3 == 3:
		c.fail(protocol("retain handling 3"))
	}
	s.NoLocal = o&4 != 0
	s.RetainAsPublished = o&8 != 0
	s.Retain = RetainHandling(o >> 4 & 3)
	if share, _ := s.Filter.Split(); share != "" && s.NoLocal { // [MQTT-3.8.3-4]
		c.fail(protocol("no local on a shared subscription"))
	}
}

func (s *Subscription) options() byte {
	o := byte(s.QoS) | byte(s.Retain)<<4
	if s.NoLocal {
		o |= 4
	}
	if s.RetainAsPublished {
		o |= 8
	}
	return o
}

// Append writes the packet behind buf.
func (p *Subscribe) Append(buf []byte, v Version) []byte {
	return appendPacket(buf, byte(SUBSCRIBE)<<4|2, func(buf []byte) []byte {
		buf = binary.BigEndian.AppendUint16(buf, p.ID)
		if v == V5 {
			buf = p.Properties.append(buf)
		}
		for i := range p.Subscriptions {
			s := &p.Subscriptions[i]
			buf = append(appendText(buf, s.Filter), s.options())
		}
		return buf
	})
}

// Unsubscribe is an UNSUBSCRIBE packet.
type Unsubscribe struct {
	ID         uint16
	Properties Properties
	Filters    []mqtt.Filter
}

// Decode reads the body of an UNSUBSCRIBE.
func (p *Unsubscribe) Decode(v Version, body []byte) error {
	*p = Unsubscribe{}
	c := cursor{b: body}
	p.ID = c.requestID()
	if v == V5 {
		p.Properties.decode(&c, UNSUBSCRIBE)
	}
	if c.err == nil && len(c.b) == 0 { // [MQTT-3.10.3-2]
		return protocol("UNSUBSCRIBE without a filter")
	}
	for len(c.b) > 0 {
		p.Filters = append(p.Filters, c.filter())
	}
	return c.end()
}

// Append writes the packet behind buf.
func (p *Unsubscribe) Append(buf []byte, v Version) []byte {
	return appendPacket(buf, byte(UNSUBSCRIBE)<<4|2, func(buf []byte) []byte {
		buf = binary.BigEndian.AppendUint16(buf, p.ID)
		if v == V5 {
			buf = p.Properties.append(buf)
		}
		for _, f := range p.Filters {
			buf = appendText(buf, f)
		}
		return buf
	})
}
