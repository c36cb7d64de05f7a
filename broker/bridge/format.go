package bridge

import (
	"time"

	"fieldmq/broker/mqtt"
)

// format is another language of topics and payloads that is spoken upstream. Up
// it translates when a message is sent, so that what waits is as it was
// published; rules only choose then, and lead nowhere else.
type format interface {
	// up is a message as it goes there; came is when it came here. reason says why
	// the format has no word for it, empty if it has.
	up(m *mqtt.Message, came time.Time) (there mqtt.Message, reason string)
	// down is a message from there as it is published here. Its response topic is
	// one of our own, which up understands. ok is false for what means nothing.
	// Without a topic nothing is to be published.
	down(m mqtt.Message) (here mqtt.Message, ok bool)
	// published is told of what down made, once it is published.
	published(here *mqtt.Message)
	// next is what is to be asked there once a message of here was sent.
	next(sent *mqtt.Message) []mqtt.Message
	// filters are what is subscribed to there.
	filters() []mqtt.Filter
}

// The formats that Config.Format names.
const (
	formatPlain       = "plain"
	formatThingsBoard = "thingsboard"
	formatSparkplug   = "sparkplug"
)

// newFormat is the bridge's format, nil for the plain one.
func (b *Bridge) newFormat() format {
	if b.config.Format == formatThingsBoard {
		return &thingsBoard{b.identity.Gateway, &sharedAttributes{
			keeper: b.keeper, key: own(b.identity.Upstream) + "shared/", info: b.birth, log: b.log, asked: map[string]*tbQuestion{},
		}}
	}
	return nil
}

// birth is the birth certificate of a device here.
func (b *Bridge) birth(device string) []byte {
	for _, m := range b.broker.Retained(mqtt.Filter("device/" + device + "/info")) {
		return m.Payload
	}
	return nil
}

// speak sets the bridge up for the format of its config.
func (b *Bridge) speak() {
	if b.config.Format == formatSparkplug {
		b.out = []rule{{from: "device/+/state", qos: mqtt.AtLeastOnce}} // what an edge node tells of
		return
	}
	b.format = b.newFormat()
	b.queue.format = b.format
	if b.format == nil {
		return
	}
	b.status = "" // its connection says whether the gateway is there
	for _, f := range b.format.filters() {
		b.in = append(b.in, rule{from: f, qos: mqtt.AtLeastOnce})
	}
}

// translated is the entry's message as it goes there.
func (e *entry) translated(f format) (there mqtt.Message, reason string) {
	if f == nil {
		return e.message, ""
	}
	return f.up(&e.message, e.came)
}
