package broker

import (
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// message is a message that is kept: for a client that is away or slow, until
// it is acknowledged, or as the retained one of its topic. All who keep it
// share it, and nobody changes it.
type message struct {
	mqtt.Message
	expires time.Time    // zero: never
	waits   atomic.Int32 // in so many queues; see hoard
}

func (m *message) expired(now time.Time) bool {
	return !m.expires.IsZero() && !now.Before(m.expires)
}

// left is what is left of the message expiry interval in seconds.
func (m *message) left(now time.Time) uint32 {
	if m.expires.IsZero() {
		return 0
	}
	return packet.Seconds(m.expires.Sub(now))
}

// overhead is roughly what a queued message costs besides payload and topic.
const overhead = 128

func (m *message) size() int { return len(m.Payload) + len(m.Topic) + overhead }

// publication is a message on its way to its receivers. It is encoded once for
// all that take it in the same form, and kept only if someone must have it later.
// It is used again for the next message, by one goroutine.
type publication struct {
	mqtt.Message
	borrowed bool // Payload is always part of a read buffer
	expires  time.Time
	kept     *message // what lives on, once that was needed

	arena []byte
	forms [2][3][2]form // by version, QoS and retain flag
	known uint16        // which of them are encoded
}

// form is one encoding of a publication.
type form struct {
	bytes []byte
	id    int // where the packet identifier stands, with QoS 1 and 2
}

// biggestArena is what a publication holds on to between messages, in bytes.
const biggestArena = 64 << 10

// begin starts the next message, at the time now.
func (p *publication) begin(m mqtt.Message, now time.Time) {
	p.Message, p.kept, p.known, p.expires = m, nil, 0, time.Time{}
	if m.Expiry > 0 {
		p.expires = now.Add(m.Expiry)
	}
	if cap(p.arena) > biggestArena {
		p.arena = nil
	}
	p.arena = p.arena[:0]
}

// resume starts again with a message that was kept.
func (p *publication) resume(m *message) {
	p.begin(m.Message, time.Time{})
	p.kept, p.expires = m, m.expires
}

// keep returns what lives on.
func (p *publication) keep() *message {
	if p.kept == nil {
		p.kept = &message{Message: p.Message, expires: p.expires}
		if p.borrowed {
			p.kept.Payload = append([]byte{}, p.Payload...)
		}
	}
	return p.kept
}

// encoded is the packet for a delivery without aliases and identifiers.
func (p *publication) encoded(v packet.Version, qos mqtt.QoS, retain bool, now time.Time) form {
	i, j := 0, 0
	if v == packet.V5 {
		i = 1
	}
	if retain {
		j = 1
	}
	f := &p.forms[i][qos][j]
	bit := uint16(1) << (i*6 + int(qos)*2 + j)
	if p.known&bit != 0 {
		return *f
	}
	start := len(p.arena)
	out := packet.Outgoing{Message: &p.Message, QoS: qos, Retain: retain, Expiry: p.left(now)}
	p.arena, f.id = out.AppendAt(p.arena, v)
	f.bytes, f.id = p.arena[start:], f.id-start
	p.known |= bit
	return *f
}

func (p *publication) left(now time.Time) uint32 {
	if p.expires.IsZero() {
		return 0
	}
	return packet.Seconds(p.expires.Sub(now))
}
