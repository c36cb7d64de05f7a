package packet

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"

	"fieldmq/broker/mqtt"
)

// Publish is a PUBLISH packet that was read. Topic and Payload alias the
// frame's body; Message makes a copy that lives on.
type Publish struct {
	Dup        bool
	QoS        mqtt.QoS
	Retain     bool
	Topic      []byte // empty: the one of the alias
	ID         uint16 // with QoS 1 and 2
	Properties Properties
	Payload    []byte
}

// Decode reads a frame. p may be one that was used before.
func (p *Publish) Decode(v Version, f Frame) error {
	p.Dup = f.Header&8 != 0
	p.QoS = mqtt.QoS(f.Header >> 1 & 3)
	p.Retain = f.Header&1 != 0
	p.ID = 0
	c := cursor{b: f.Body}
	p.Topic = c.topic()
	if p.QoS > 0 {
		p.ID = c.id()
	}
	p.Properties.reset()
	if v == V5 {
		p.Properties.decode(&c, PUBLISH)
	}
	p.Payload = c.b
	if c.err == nil && len(p.Topic) == 0 && !p.Properties.Has(TopicAlias) { // [MQTT-4.7.3-1]
		c.fail(Errorf(ProtocolError, "PUBLISH without a topic"))
	}
	return c.err
}

// topic takes a topic name. [MQTT-3.3.2-1] [MQTT-3.3.2-2]
func (c *cursor) topic() []byte {
	b := c.binary()
	plain := true
	for _, x := range b {
		if x-1 >= 0x7f || x == '+' || x == '#' {
			plain = false
			break
		}
	}
	if plain {
		return b
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		c.fail(malformed("topic that is not UTF-8 or holds U+0000"))
	} else if bytes.ContainsAny(b, "+#") {
		c.fail(protocol("topic with wildcards"))
	}
	return b
}

// Describe fills in what a message is besides topic, payload and flags.
func (p *Publish) Describe(m *mqtt.Message) {
	if p.Properties.present != 0 {
		p.Properties.describe(m)
	}
}

// describe fills in the properties that are forwarded. [MQTT-3.3.2-4]
// [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]
func (p *Properties) describe(m *mqtt.Message) {
	if p.Has(PayloadFormat) {
		m.UTF8 = p.Number(PayloadFormat) == 1
		m.Bytes = !m.UTF8
	}
	m.ContentType = p.Text(ContentType)
	m.ResponseTopic = p.Text(ResponseTopic)
	m.UserProperties = p.User
	if p.Has(CorrelationData) {
		m.CorrelationData = []byte(p.Text(CorrelationData))
	}
	if p.Has(MessageExpiry) {
		// An interval of 0 passes at once, which the zero Expiry does not say.
		m.Expiry = max(time.Duration(p.Number(MessageExpiry))*time.Second, 1)
	}
}

// Outgoing is one PUBLISH to be written: a message and what is particular to
// this delivery.
type Outgoing struct {
	Message         *mqtt.Message
	Dup             bool
	QoS             mqtt.QoS
	Retain          bool
	ID              uint16
	Expiry          uint32 // seconds that are left, if Message.Expiry is set
	Alias           uint16 // 0: none
	NoTopic         bool   // the alias is known to the receiver
	SubscriptionIDs []uint32
}

// Append writes the packet behind buf and says where the packet identifier
// stands in it, so that it can be set again in a copy.
func (p *Outgoing) Append(buf []byte, v Version) []byte {
	buf, _ = p.AppendAt(buf, v)
	return buf
}

// AppendAt is Append, and tells the index in buf of the packet identifier's two
// bytes; with QoS 0 there are none.
func (p *Outgoing) AppendAt(buf []byte, v Version) (_ []byte, id int) {
	properties, length := p.size(v)
	header := byte(PUBLISH)<<4 | byte(p.QoS)<<1
	if p.Dup {
		header |= 8
	}
	if p.Retain {
		header |= 1
	}
	buf = appendVarint(append(buf, header), length)
	if p.NoTopic {
		buf = append(buf, 0, 0)
	} else {
		buf = appendText(buf, p.Message.Topic)
	}
	if p.QoS > 0 {
		id = len(buf)
		buf = binary.BigEndian.AppendUint16(buf, p.ID)
	}
	if v == V5 {
		buf = appendVarint(buf, properties)
		if properties > 0 {
			buf = p.appendProperties(buf)
		}
	}
	return append(buf, p.Message.Payload...), id
}

// Size is the length in bytes of the packet.
func (p *Outgoing) Size(v Version) int {
	_, length := p.size(v)
	return 1 + varintSize(length) + length
}

// size is the length of the properties and the remaining length.
func (p *Outgoing) size(v Version) (properties, length int) {
	length = 2 + len(p.Message.Payload)
	if !p.NoTopic {
		length += min(len(p.Message.Topic), mqtt.MaxTopic)
	}
	if p.QoS > 0 {
		length += 2
	}
	if v == V5 {
		properties = p.propertiesSize()
		length += varintSize(properties) + properties
	}
	return properties, length
}

func (p *Outgoing) propertiesSize() int {
	n := descriptionSize(p.Message)
	if p.Alias != 0 {
		n += 3
	}
	for _, id := range p.SubscriptionIDs {
		n += 1 + varintSize(int(id))
	}
	return n
}

func (p *Outgoing) appendProperties(buf []byte) []byte {
	if p.Alias != 0 {
		buf = append(buf, byte(TopicAlias))
		buf = binary.BigEndian.AppendUint16(buf, p.Alias)
	}
	for _, id := range p.SubscriptionIDs {
		buf = append(buf, byte(SubscriptionID))
		buf = appendVarint(buf, int(id))
	}
	return appendDescription(buf, p.Message, p.Expiry)
}

// descriptionSize is the number of bytes that appendDescription writes.
func descriptionSize(m *mqtt.Message) (n int) {
	if m.UTF8 || m.Bytes {
		n += 2
	}
	if m.Expiry > 0 {
		n += 5
	}
	if m.ContentType != "" {
		n += 3 + min(len(m.ContentType), 65535)
	}
	if m.ResponseTopic != "" {
		n += 3 + min(len(m.ResponseTopic), 65535)
	}
	if m.CorrelationData != nil {
		n += 3 + min(len(m.CorrelationData), 65535)
	}
	for _, u := range m.UserProperties {
		n += 5 + min(len(u.Name), 65535) + min(len(u.Value), 65535)
	}
	return n
}

// appendDescription writes the properties that a message carries wherever it
// goes; expiry is what is left of its interval in seconds. [MQTT-3.3.2-6]
func appendDescription(buf []byte, m *mqtt.Message, expiry uint32) []byte {
	switch {
	case m.UTF8:
		buf = append(buf, byte(PayloadFormat), 1)
	case m.Bytes:
		buf = append(buf, byte(PayloadFormat), 0)
	}
	if m.Expiry > 0 {
		buf = append(buf, byte(MessageExpiry))
		buf = binary.BigEndian.AppendUint32(buf, expiry)
	}
	if m.ContentType != "" {
		buf = appendText(append(buf, byte(ContentType)), m.ContentType)
	}
	if m.ResponseTopic != "" {
		buf = appendText(append(buf, byte(ResponseTopic)), m.ResponseTopic)
	}
	if m.CorrelationData != nil {
		buf = appendText(append(buf, byte(CorrelationData)), m.CorrelationData)
	}
	return appendUser(buf, m.UserProperties)
}

// Seconds is a span as the wire has it: whole seconds, begun ones counted, but
// none for the nanosecond that stands for an interval of 0.
func Seconds(d time.Duration) uint32 {
	if d <= 1 {
		return 0
	}
	s := (d-1)/time.Second + 1
	return uint32(min(s, math.MaxUint32))
}
