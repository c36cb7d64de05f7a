package bridge

import (
	"math"
	"strconv"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"fieldmq/broker/mqtt"
)

// User properties that the bridge writes.
const (
	propHop     = "hop"     // a bridge that the message crossed: gateway/upstream
	propReplay  = "replay"  // 1: history, sent later than it was made
	propTime    = "ts"      // when the value was read, in Unix milliseconds
	propSession = "session" // rises with each connection of the gateway
)

// encode is the packet of a flight.
func (f *flight) encode(now time.Time, as format) *packets.Publish {
	there, _ := f.entry.translated(as) // what cannot be does not fly
	m := &there
	p := &packets.Publish{
		Topic:      m.Topic,
		Payload:    m.Payload,
		QoS:        byte(f.qos),
		Retain:     f.retain,
		Duplicate:  f.dup, // [MQTT-3.3.1-1]
		PacketID:   f.id,
		Properties: properties(m),
	}
	if !f.entry.expires.IsZero() && !f.replay {
		left := uint32(min(math.MaxUint32, max(1, math.Ceil(f.entry.expires.Sub(now).Seconds()))))
		p.Properties.MessageExpiry = &left
	}
	if f.replay {
		p.Properties.User = append(p.Properties.User, packets.User{Key: propReplay, Value: "1"})
		if !has(m, propTime) {
			p.Properties.User = append(p.Properties.User, packets.User{Key: propTime, Value: strconv.FormatInt(f.entry.came.UnixMilli(), 10)})
		}
	}
	return p
}

// properties are those of a message but its expiry.
func properties(m *mqtt.Message) *packets.Properties {
	p := &packets.Properties{
		ContentType:     m.ContentType,
		ResponseTopic:   m.ResponseTopic,
		CorrelationData: m.CorrelationData,
	}
	if m.UTF8 || m.Bytes {
		var format byte
		if m.UTF8 {
			format = 1
		}
		p.PayloadFormat = &format
	}
	for _, u := range m.UserProperties {
		p.User = append(p.User, packets.User{Key: u.Name, Value: u.Value})
	}
	return p
}

func has(m *mqtt.Message, name string) bool {
	for _, p := range m.UserProperties {
		if p.Name == name {
			return true
		}
	}
	return false
}

// packetSize is at least the size of the PUBLISH of a message in bytes, and a
// few more at most.
func packetSize(m *mqtt.Message) int64 {
	const (
		fixed  = 1 + 4 + 2 + 2 + 4                                // header, remaining length, topic length, identifier, property length
		props  = 2 + 5 + 3 + 3 + 3 + 3                            // format, expiry, content type, response topic, correlation data, alias
		replay = 5 + len(propReplay) + 1 + 5 + len(propTime) + 13 // what history adds
	)
	n := fixed + props + replay + len(m.Topic) + len(m.Payload) + len(m.ContentType) + len(m.ResponseTopic) + len(m.CorrelationData)
	for _, p := range m.UserProperties {
		n += 5 + len(p.Name) + len(p.Value)
	}
	return int64(n)
}

// decode is a message that came from upstream, with the topic that it had
// there. It fails for one that has expired.
func decode(p *packets.Publish) (m mqtt.Message, ok bool) {
	m = mqtt.Message{Topic: p.Topic, Payload: p.Payload, QoS: mqtt.QoS(p.QoS), Retain: p.Retain}
	props := p.Properties
	if props == nil {
		return m, true
	}
	if props.PayloadFormat != nil {
		m.UTF8 = *props.PayloadFormat == 1
		m.Bytes = !m.UTF8
	}
	m.ContentType, m.ResponseTopic, m.CorrelationData = props.ContentType, props.ResponseTopic, props.CorrelationData
	for _, u := range props.User {
		m.UserProperties = append(m.UserProperties, mqtt.UserProperty{Name: u.Key, Value: u.Value})
	}
	if props.MessageExpiry != nil {
		m.Expiry = time.Duration(*props.MessageExpiry) * time.Second
		return m, m.Expiry > 0
	}
	return m, true
}
