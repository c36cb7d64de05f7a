package packet

import (
	"encoding/binary"

	"fieldmq/broker/mqtt"
)

// PropertyID names a property. [MQTT-2.2.2.2]
type PropertyID byte

// The properties of MQTT 5.0.
const (
	PayloadFormat       PropertyID = 1
	MessageExpiry       PropertyID = 2
	ContentType         PropertyID = 3
	ResponseTopic       PropertyID = 8
	CorrelationData     PropertyID = 9
	SubscriptionID      PropertyID = 11
	SessionExpiry       PropertyID = 17
	AssignedClientID    PropertyID = 18
	ServerKeepAlive     PropertyID = 19
	AuthMethod          PropertyID = 21
	AuthData            PropertyID = 22
	RequestProblemInfo  PropertyID = 23
	WillDelay           PropertyID = 24
	RequestResponseInfo PropertyID = 25
	ResponseInfo        PropertyID = 26
	ServerReference     PropertyID = 28
	ReasonString        PropertyID = 31
	ReceiveMaximum      PropertyID = 33
	TopicAliasMaximum   PropertyID = 34
	TopicAlias          PropertyID = 35
	MaximumQoS          PropertyID = 36
	RetainAvailable     PropertyID = 37
	UserProperty        PropertyID = 38
	MaximumPacketSize   PropertyID = 39
	WildcardAvailable   PropertyID = 40
	SubIDAvailable      PropertyID = 41
	SharedAvailable     PropertyID = 42
	lastProperty                   = SharedAvailable
	will                Type       = 0 // stands for the will in the tables
	maxSubscriptionID              = 268_435_455
	maxUserProperties              = 1024 // of one packet; no sensor sends more
)

// form is how a property's value is written.
type form byte

const (
	noProperty form = iota
	asBool          // a byte that is 0 or 1
	asUint16
	asUint32
	asVarint
	asString
	asBinary
	asPair
)

// propertyForms is the column "Type" of [MQTT-2.2.2.2].
var propertyForms = [lastProperty + 1]form{
	PayloadFormat: asBool, MessageExpiry: asUint32, ContentType: asString, ResponseTopic: asString,
	CorrelationData: asBinary, SubscriptionID: asVarint, SessionExpiry: asUint32, AssignedClientID: asString,
	ServerKeepAlive: asUint16, AuthMethod: asString, AuthData: asBinary, RequestProblemInfo: asBool,
	WillDelay: asUint32, RequestResponseInfo: asBool, ResponseInfo: asString, ServerReference: asString,
	ReasonString: asString, ReceiveMaximum: asUint16, TopicAliasMaximum: asUint16, TopicAlias: asUint16,
	MaximumQoS: asBool, RetainAvailable: asBool, UserProperty: asPair, MaximumPacketSize: asUint32,
	WildcardAvailable: asBool, SubIDAvailable: asBool, SharedAvailable: asBool,
}

// set is a set of properties.
type set uint64

func setOf(ids ...PropertyID) (s set) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// allowed is the column "Packet / Will Properties" of [MQTT-2.2.2.2].
var allowed = [16]set{
	will: setOf(PayloadFormat, MessageExpiry, ContentType, ResponseTopic, CorrelationData, WillDelay, UserProperty),
	CONNECT: setOf(SessionExpiry, AuthMethod, AuthData, RequestProblemInfo, RequestResponseInfo, ReceiveMaximum,
		TopicAliasMaximum, UserProperty, MaximumPacketSize),
	CONNACK: setOf(SessionExpiry, AssignedClientID, ServerKeepAlive, AuthMethod, AuthData, ResponseInfo, ServerReference,
		ReasonString, ReceiveMaximum, TopicAliasMaximum, MaximumQoS, RetainAvailable, UserProperty, MaximumPacketSize,
		WildcardAvailable, SubIDAvailable, SharedAvailable),
	PUBLISH: setOf(PayloadFormat, MessageExpiry, ContentType, ResponseTopic, CorrelationData, SubscriptionID, TopicAlias,
		UserProperty),
	PUBACK:      setOf(ReasonString, UserProperty),
	PUBREC:      setOf(ReasonString, UserProperty),
	PUBREL:      setOf(ReasonString, UserProperty),
	PUBCOMP:     setOf(ReasonString, UserProperty),
	SUBSCRIBE:   setOf(SubscriptionID, UserProperty),
	SUBACK:      setOf(ReasonString, UserProperty),
	UNSUBSCRIBE: setOf(UserProperty),
	UNSUBACK:    setOf(ReasonString, UserProperty),
	DISCONNECT:  setOf(SessionExpiry, ServerReference, ReasonString, UserProperty),
	AUTH:        setOf(AuthMethod, AuthData, ReasonString, UserProperty),
}

// Properties are those of one packet. The zero value holds none. Numbers and
// texts are read with Number and Text; Has tells absent from zero.
type Properties struct {
	present         set
	numbers         [lastProperty + 1]uint32
	texts           []textProperty
	SubscriptionIDs []uint32
	User            []mqtt.UserProperty
}

// textProperty is a property that is a string or binary data.
type textProperty struct {
	id   PropertyID
	text string
}

// Has says whether the packet carries the property.
func (p *Properties) Has(id PropertyID) bool { return p.present&(1<<id) != 0 }

// Number is the value of a numeric property, zero if it is absent.
func (p *Properties) Number(id PropertyID) uint32 { return p.numbers[id] }

// NumberOr is the value of a numeric property, or what the standard says for
// its absence.
func (p *Properties) NumberOr(id PropertyID, absent uint32) uint32 {
	if p.Has(id) {
		return p.numbers[id]
	}
	return absent
}

// Text is the value of a string or of binary data.
func (p *Properties) Text(id PropertyID) string {
	for _, t := range p.texts {
		if t.id == id {
			return t.text
		}
	}
	return ""
}

// SetNumber adds a numeric property.
func (p *Properties) SetNumber(id PropertyID, v uint32) {
	p.present |= 1 << id
	p.numbers[id] = v
}

// SetText adds a string or binary data that is not there yet.
func (p *Properties) SetText(id PropertyID, s string) {
	p.present |= 1 << id
	p.texts = append(p.texts, textProperty{id, s})
}

// AddSubscriptionID adds a subscription identifier.
func (p *Properties) AddSubscriptionID(id uint32) {
	p.present |= 1 << SubscriptionID
	p.SubscriptionIDs = append(p.SubscriptionIDs, id)
}

// reset makes p empty, and costs nothing where it is empty already.
func (p *Properties) reset() {
	if p.present != 0 {
		*p = Properties{texts: p.texts[:0], SubscriptionIDs: p.SubscriptionIDs[:0]}
	}
}

// decode takes the properties of a packet of type t.
func (p *Properties) decode(c *cursor, t Type) {
	p.reset()
	n := int(c.varint())
	if n == 0 {
		return
	}
	in := cursor{b: c.take(n), err: c.err}
	for len(in.b) > 0 {
		p.decodeOne(&in, t)
	}
	if in.err != nil {
		c.fail(in.err)
	}
}

func (p *Properties) decodeOne(c *cursor, t Type) {
	v := c.varint()
	if v > uint32(lastProperty) || propertyForms[v] == noProperty {
		c.fail(malformed("unknown property %d", v))
		return
	}
	id := PropertyID(v)
	switch {
	case allowed[t]&(1<<id) == 0:
		c.fail(malformed("property %d in a %v", id, t)) // [MQTT-2.2.2.2]
		return
	case p.Has(id) && id != UserProperty && (id != SubscriptionID || t != PUBLISH):
		c.fail(protocol("property %d more than once", id))
		return
	}
	p.present |= 1 << id
	switch propertyForms[id] {
	case asBool:
		p.numbers[id] = uint32(c.byte())
	case asUint16:
		p.numbers[id] = uint32(c.uint16())
	case asUint32:
		p.numbers[id] = c.uint32()
	case asVarint:
		p.SubscriptionIDs = append(p.SubscriptionIDs, c.varint())
	case asString:
		p.SetText(id, c.string())
	case asBinary:
		p.SetText(id, string(c.binary()))
	case asPair:
		p.User = append(p.User, mqtt.UserProperty{Name: c.string(), Value: c.string()})
	}
	if c.err == nil {
		p.check(c, id)
	}
}

// check refuses values that the standard rules out.
func (p *Properties) check(c *cursor, id PropertyID) {
	switch {
	case propertyForms[id] == asBool && p.numbers[id] > 1:
		c.fail(protocol("property %d is %d, not 0 or 1", id, p.numbers[id]))
	case (id == ReceiveMaximum || id == MaximumPacketSize) && p.numbers[id] == 0:
		c.fail(protocol("property %d is 0", id))
	case id == SubscriptionID && p.SubscriptionIDs[len(p.SubscriptionIDs)-1] == 0:
		c.fail(protocol("subscription identifier 0"))
	case id == TopicAlias && p.numbers[id] == 0: // [MQTT-3.3.2-8]
		c.fail(Errorf(TopicAliasInvalid, "topic alias 0"))
	case id == ResponseTopic && !mqtt.ValidTopic(p.Text(id)): // [MQTT-3.3.2-14]
		c.fail(Errorf(TopicInvalid, "response topic with wildcards"))
	case len(p.User) > maxUserProperties:
		c.fail(Errorf(ImplementationError, "more than %d user properties", maxUserProperties))
	}
}

// append writes the length of the properties and the properties.
func (p *Properties) append(buf []byte) []byte {
	if p.present == 0 && len(p.User) == 0 && len(p.SubscriptionIDs) == 0 {
		return append(buf, 0)
	}
	return appendSized(buf, p.appendAll)
}

func (p *Properties) appendAll(buf []byte) []byte {
	for id := PropertyID(1); id <= lastProperty; id++ {
		f := propertyForms[id]
		if f == noProperty || f == asVarint || f == asPair || !p.Has(id) {
			continue
		}
		buf = append(buf, byte(id))
		switch f {
		case asBool:
			buf = append(buf, byte(p.numbers[id]))
		case asUint16:
			buf = binary.BigEndian.AppendUint16(buf, uint16(p.numbers[id]))
		case asUint32:
			buf = binary.BigEndian.AppendUint32(buf, p.numbers[id])
		default:
			buf = appendText(buf, p.Text(id))
		}
	}
	for _, id := range p.SubscriptionIDs {
		buf = append(buf, byte(SubscriptionID))
		buf = appendVarint(buf, int(id))
	}
	return appendUser(buf, p.User)
}

func appendUser(buf []byte, user []mqtt.UserProperty) []byte {
	for _, u := range user {
		buf = append(buf, byte(UserProperty))
		buf = appendText(buf, u.Name)
		buf = appendText(buf, u.Value)
	}
	return buf
}
