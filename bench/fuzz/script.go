package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// script is what one client says, and how it behaves.
type script struct {
	out     []byte
	version packet.Version
	web     bool    // it speaks through a WebSocket
	broken  bool    // the WebSocket is broken, not only what goes through it
	reset   bool    // it ends with a reset, not with the end of what it says
	deaf    bool    // it reads nothing for a while
	answers answers // to what the broker sends
	piece   int     // bytes of a write at most
}

// answers says how a client acknowledges messages.
type answers int

const (
	noAnswers answers = iota
	goodAnswers
	wildAnswers
	kindsOfAnswers
)

// writer makes up scripts.
type writer struct {
	*rand.Rand
	version packet.Version
	id      uint16  // the last packet identifier
	known   [5]bool // topic aliases; 0 is none
}

// newScript is the script of a number.
func newScript(seed, number uint64) *script {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, number))}
	w.version = []packet.Version{packet.V31, packet.V311, packet.V5, packet.V5}[w.IntN(4)]
	s := &script{
		version: w.version, web: w.one(6), reset: w.one(3), deaf: w.one(10),
		answers: answers(w.IntN(int(kindsOfAnswers))), piece: 1 + w.IntN(1<<w.IntN(16)),
	}
	s.broken = s.web && w.one(3)
	packets := [][]byte{w.connect()}
	for range w.IntN(30) {
		packets = append(packets, w.packet())
	}
	if !w.one(3) {
		packets = w.damage(packets)
	}
	s.out = bytes.Join(packets, nil)
	if s.web {
		s.out = webRequest(s.out, s.piece)
	}
	if s.broken {
		s.out = w.bytes(s.out)
	}
	return s
}

// one is true once in so many times.
func (w *writer) one(in int) bool { return w.IntN(in) == 0 }

func pick[T any](w *writer, from ...T) T { return from[w.IntN(len(from))] }

// Few names, so that clients get into each other's way.
func (w *writer) clientID() string { return fmt.Sprintf("fuzz-%d", w.IntN(2000)) }

func (w *writer) topic() string {
	if w.one(200) {
		return "$SYS/x"
	}
	return pick(w, "a", "a/b", "a/b/c", "a//", "/", "$a/b", "ä/€", "d/"+w.clientID(), fmt.Sprintf("n/%d", w.IntN(1000)))
}

func (w *writer) filter() mqtt.Filter {
	f := pick(w, "#", "+", "a/#", "+/b", "a/+/c", "$SYS/#", "/+", "+/+/#", w.topic(), w.topic())
	switch w.IntN(50) {
	case 0:
		f = pick(w, "$share//", "$share/", "$share/+/", "a#") + f
	case 1, 2, 3, 4, 5, 6, 7, 8:
		f = pick(w, "$share/g/", "$share/h/") + f
	}
	return mqtt.Filter(f)
}

func (w *writer) payload() []byte {
	b := make([]byte, w.IntN(1<<w.IntN(13)))
	for i := range b {
		b[i] = byte(w.IntN(256))
	}
	return b
}

func (w *writer) qos() mqtt.QoS { return mqtt.QoS(w.IntN(3)) }

func (w *writer) message() mqtt.Message {
	m := mqtt.Message{Topic: w.topic(), Payload: w.payload(), QoS: w.qos(), Retain: w.one(4)}
	if w.version == packet.V5 && w.one(2) {
		m.UTF8, m.Expiry = w.one(3), time.Duration(w.IntN(3))*time.Second
		m.ContentType, m.ResponseTopic = pick(w, "", "text/plain"), pick(w, "", w.topic())
		m.CorrelationData = w.payload()[:0]
		for range w.IntN(3) {
			m.UserProperties = append(m.UserProperties, mqtt.UserProperty{Name: w.topic(), Value: w.clientID()})
		}
	}
	return m
}

func (w *writer) connect() []byte {
	p := packet.Connect{
		Version: w.version, Bridge: w.one(20), CleanStart: w.one(2), KeepAlive: uint16(w.IntN(3) * 1000), ClientID: w.clientID(),
		HasUser: w.one(10), User: "ann",
	}
	p.HasPassword = p.HasUser && w.one(2)
	if w.one(30) {
		p.ClientID = ""
	}
	if w.one(2) {
		p.Will = &packet.Will{Message: w.message(), Delay: time.Duration(w.IntN(3)) * time.Second}
	}
	for _, id := range []packet.PropertyID{packet.SessionExpiry, packet.ReceiveMaximum, packet.TopicAliasMaximum} {
		if w.one(2) {
			p.Properties.SetNumber(id, uint32(pick(w, 1, 2, 5, 100, 1000, 60_000)))
		}
	}
	if w.one(8) {
		p.Properties.SetNumber(packet.MaximumPacketSize, uint32(20+w.IntN(1000)))
	}
	if w.one(50) {
		p.Properties.SetText(packet.AuthMethod, "none")
	}
	return p.Append(nil)
}

// packet is one that a client sends, in good order by itself.
func (w *writer) packet() []byte {
	v := w.version
	switch n := w.IntN(100); {
	case n < 40:
		return w.publish()
	case n < 60:
		p := packet.Subscribe{ID: w.nextID()}
		for range 1 + w.IntN(4) {
			p.Subscriptions = append(p.Subscriptions, w.subscription())
		}
		if w.one(3) {
			p.Properties.AddSubscriptionID(uint32(1 + w.IntN(1<<28)))
		}
		return p.Append(nil, v)
	case n < 68:
		p := packet.Unsubscribe{ID: w.nextID(), Filters: []mqtt.Filter{w.filter(), w.filter()}}
		return p.Append(nil, v)
	case n < 88:
		t := pick(w, packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBREL, packet.PUBCOMP)
		r := packet.Success
		if t == packet.PUBREC && w.one(4) {
			r = packet.Unspecified
		}
		return packet.AppendAck(nil, v, t, 1+uint16(w.IntN(8)), r)
	case n < 97:
		return packet.AppendPing(nil, packet.PINGREQ)
	case n < 98:
		return packet.AppendAuth(nil, packet.Reauthenticate, nil)
	case n < 99:
		return w.connect()
	}
	var p packet.Properties
	if w.one(4) {
		p.SetNumber(packet.SessionExpiry, uint32(w.IntN(3)*1000))
	}
	return packet.AppendDisconnect(nil, v, pick(w, packet.Success, packet.DisconnectWithWill, packet.Unspecified), pick(w, nil, &p))
}

func (w *writer) subscription() packet.Subscription {
	s := packet.Subscription{Filter: w.filter(), QoS: w.qos()}
	if w.version == packet.V5 {
		share, _ := s.Filter.Split()
		s.NoLocal, s.RetainAsPublished, s.Retain = share == "" && w.one(4), w.one(2), packet.RetainHandling(w.IntN(3))
	}
	return s
}

func (w *writer) publish() []byte {
	m := w.message()
	p := packet.Outgoing{Message: &m, QoS: m.QoS, Retain: m.Retain, Dup: m.QoS > 0 && w.one(5), ID: w.nextID()}
	if w.version == packet.V5 {
		p.Expiry = packet.Seconds(m.Expiry)
		if w.one(4) {
			p.Alias = uint16(w.IntN(len(w.known)))
			p.NoTopic = w.known[p.Alias] && w.one(2)
			w.known[p.Alias] = true
		}
	}
	return p.Append(nil, w.version)
}

// nextID is the next packet identifier, or once in a while one that is in use.
func (w *writer) nextID() uint16 {
	if w.one(6) {
		return 1 + uint16(w.IntN(8))
	}
	w.id++
	return w.id
}
