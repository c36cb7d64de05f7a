// Package mqtt is the language of the message side: messages, quality of
// service, topic names and topic filters, as MQTT 5.0 has them. It does no I/O
// and knows no packets; package broker/packet does.
package mqtt

import "time"

// QoS is the quality of service of a delivery. [MQTT-4.3]
type QoS byte

// The three qualities of service.
const (
	AtMostOnce QoS = iota
	AtLeastOnce
	ExactlyOnce
)

// Message is an application message. Payload and the property slices belong
// to whoever holds the message and are not changed after it was published:
// one message is shared by all who receive it.
type Message struct {
	Topic   string
	Payload []byte
	QoS     QoS
	Retain  bool

	// Expiry is the message expiry interval, counted from when the message
	// was handed over; zero means that it does not expire. Resolution: one
	// second on the wire. [MQTT-3.3.2-5]
	Expiry time.Duration

	// What follows exists in MQTT 5.0 only and is forwarded unchanged.
	UTF8            bool   // payload format indicator 1
	Bytes           bool   // payload format indicator 0; none says the same
	ContentType     string // "application/json"
	ResponseTopic   string
	CorrelationData []byte // nil: none
	UserProperties  []UserProperty
}

// UserProperty is a name and a value; names may repeat and order counts.
// [MQTT-3.3.2-18]
type UserProperty struct{ Name, Value string }
