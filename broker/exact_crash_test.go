package broker

import (
	"slices"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// A crash may fall between any two records: a message of QoS 2 whose identifier the
// store has, but not the message, would be lost, for the publisher is told that it
// has come.
func TestQoS2IsReceivedWithItsMessageOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		name  string
		taker bool
		m     mqtt.Message
	}{
		{"for a session that is away", true, text("t", "x", 2)},
		{"retained", false, mqtt.Message{Topic: "t", Payload: []byte("x"), QoS: 2, Retain: true}},
		{"retained, for a session that is away", true, mqtt.Message{Topic: "t", Payload: []byte("x"), QoS: 2, Retain: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &memory{}
			s, addr := startOn(t, store)
			if c.taker {
				sub := dialAs(t, addr, lasting(packet.V5, "sub"))
				sub.subscribe("t", 2)
				sub.leave()
				waitFor(t, "end of the connection", func() bool { return away(s, "sub") })
			}
			p := dialAs(t, addr, lasting(packet.V5, "p"))
			begun := len(store.crash().records)
			p.send(p.packet(c.m, 7))
			p.ack(packet.PUBREC, 7)
			whole := store.crash().records
			for end := begun; end <= len(whole); end++ {
				s, addr := startOn(t, &memory{records: slices.Clone(whole[:end])})
				p := dialAs(t, addr, lasting(packet.V5, "p"))
				again := p.packet(c.m, 7)
				again[0] |= 8 // DUP
				p.send(again)
				p.ack(packet.PUBREC, 7)
				p.sendAck(packet.PUBREL, 7)
				p.ack(packet.PUBCOMP, 7)
				if c.taker {
					sub := dialAs(t, addr, lasting(packet.V5, "sub"))
					if got := sub.receive(); string(got.Payload) != "x" {
						t.Errorf("after %d of %d records: got %+v", end, len(whole), got)
					}
					sub.send(packet.AppendPing(nil, packet.PINGREQ))
					sub.lookAhead(packet.PINGRESP)
					if len(sub.ahead) > 0 {
						t.Errorf("after %d of %d records the message comes twice", end, len(whole))
					}
				}
				if held, _ := s.retained.Get("t"); c.m.Retain && held.message == nil {
					t.Errorf("after %d of %d records nothing is retained", end, len(whole))
				}
			}
		})
	}
}

func TestQoS2IsNotPublishedTwiceOverACrash(t *testing.T) {
	store := &memory{}
	_, addr := startOn(t, store)
	p := dialAs(t, addr, lasting(packet.V5, "p"))
	m := p.packet(text("t", "x", 2), 7)
	p.send(m)
	if r := p.ack(packet.PUBREC, 7); r.Failed() {
		t.Fatal(r)
	}
	_, addr = startOn(t, store.crash())
	late := dial(t, addr, packet.V5, "late")
	late.subscribe("t", 2)
	p = dialAs(t, addr, lasting(packet.V5, "p"))
	m[0] |= 8 // DUP
	p.send(m)
	p.ack(packet.PUBREC, 7)
	late.ping()
}
