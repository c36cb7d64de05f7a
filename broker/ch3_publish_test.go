package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestDupIsNotPassedOn(t *testing.T) { // [MQTT-3.3.1-2] [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dial(t, addr, v, "c"), dial(t, addr, v, "p")
			c.subscribe("t", 2)
			for _, qos := range []mqtt.QoS{1, 2} {
				b := p.packet(text("t", "x", qos), 9)
				b[0] |= 8
				p.send(b)
				if g := c.receive(); g.dup || g.QoS != qos {
					t.Errorf("got %+v", g)
				}
			}
		})
	}
}

func TestRetainedMessageOfQoS0TakesThePlaceOfAnother(t *testing.T) { // [MQTT-3.3.1-5], 3.1.1 [MQTT-3.3.1-7]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			p := dial(t, addr, v, "p")
			p.publish(retained("t", "old"))
			m := text("t", "new", 0)
			m.Retain = true
			p.publish(m)
			c := dial(t, addr, v, "c")
			c.subscribe("t", 2)
			if got := c.receive(); string(got.Payload) != "new" || got.QoS != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTopicAliasesEndWithTheirConnection(t *testing.T) { // [MQTT-3.3.2-7]
	_, addr := start(t, Defaults())
	connect := lasting(packet.V5, "a")
	connect.Properties.SetNumber(packet.TopicAliasMaximum, 5)
	m := text("t", "x", 0)
	with := (&packet.Outgoing{Message: &m, Alias: 1}).Append(nil, packet.V5)
	without := (&packet.Outgoing{Message: &m, Alias: 1, NoTopic: true}).Append(nil, packet.V5)
	for range 2 {
		c := dialAs(t, addr, connect)
		c.subscribe("t", 0)
		c.send(with)
		if g := c.receive(); g.Topic != "t" || g.alias != 1 { // the server's are new too
			t.Errorf("got %+v", g)
		}
		c.leave()
	}
	c := dialAs(t, addr, connect)
	c.send(without)
	c.disconnected(packet.ProtocolError)
}

func TestAllTopicAliasesUpToTheMaximumAreTaken(t *testing.T) { // [MQTT-3.3.2-12]
	cfg := Defaults()
	_, addr := start(t, cfg)
	c, p := dial(t, addr, packet.V5, "c"), dial(t, addr, packet.V5, "p")
	c.subscribe("#", 0)
	for _, known := range []bool{false, true} {
		for alias := 1; alias <= cfg.MaxTopicAliases; alias++ {
			m := text(fmt.Sprint(alias), "x", 0)
			p.send((&packet.Outgoing{Message: &m, Alias: uint16(alias), NoTopic: known}).Append(nil, packet.V5))
			if g := c.receive(); g.Topic != m.Topic {
				t.Errorf("alias %d: got %q", alias, g.Topic)
			}
		}
	}
}

func TestMessagesGoToAllSessionsThatWantThem(t *testing.T) { // [MQTT-3.3.2-3] [MQTT-4.5.0-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			filters := []mqtt.Filter{"a/+", "a/b", "#", "b/#"}
			var clients []*client
			for i, f := range filters {
				c := dialAs(t, addr, lasting(v, fmt.Sprint(i)))
				c.subscribe(f, 1)
				clients = append(clients, c)
			}
			clients[1].cut()
			waitFor(t, "end of the connection", func() bool { return away(s, "1") })
			p := dial(t, addr, v, "p")
			for _, topic := range []string{"a/b", "b/a", "a/b/c", "end"} {
				p.publish(text(topic, topic, 1))
			}
			clients[1] = dialAs(t, addr, lasting(v, "1"))
			for i, want := range [][]string{{"a/b"}, {"a/b"}, {"a/b", "b/a", "a/b/c", "end"}, {"b/a"}} {
				if got := clients[i].texts(len(want)); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", filters[i], got, want)
				}
				clients[i].ping()
			}
		})
	}
}

// TestOnlyPublishWaitsForTheReceiveMaximum: a client that has all it may have
// under way is served in everything else.
func TestOnlyPublishWaitsForTheReceiveMaximum(t *testing.T) { // [MQTT-3.3.4-10] [MQTT-4.9.0-3]
	_, addr := start(t, Defaults())
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "c"}
	connect.Properties.SetNumber(packet.ReceiveMaximum, 1)
	c, p := dialAs(t, addr, connect), dial(t, addr, packet.V5, "p")
	c.subscribe("t", 2)
	p.publish(text("t", "1", 2))
	p.publish(text("t", "2", 2))
	first := c.take()
	c.ping()
	c.subscribe("u", 1)
	c.publish(text("x", "own", 1))
	c.publish(text("x", "own", 2))
	c.send((&packet.Unsubscribe{ID: 3, Filters: []mqtt.Filter{"u"}}).Append(nil, packet.V5))
	c.next(packet.UNSUBACK)
	c.sendAck(packet.PUBREC, first.id)
	c.ack(packet.PUBREL, first.id)
	c.sendAck(packet.PUBCOMP, first.id)
	if got := c.texts(1); got[0] != "2" {
		t.Errorf("got %q", got)
	}
}

func TestAcknowledgementsWithForeignReasonsEndTheConnection(t *testing.T) { // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1] [MQTT-3.15.2-1]
	_, addr := start(t, Defaults())
	for kind, reasons := range map[packet.Type][]byte{
		packet.PUBACK:  {0x01, 0x11, 0x92, 0xff},
		packet.PUBREC:  {0x02, 0x92, 0x8f},
		packet.PUBREL:  {0x10, 0x80, 0x91},
		packet.PUBCOMP: {0x10, 0x80, 0x91},
	} {
		for _, r := range reasons {
			c := dial(t, addr, packet.V5, "a")
			c.send(packet.AppendAck(nil, packet.V5, kind, 1, packet.Reason(r)))
			c.disconnected(packet.ProtocolError)
		}
	}
	for _, r := range []byte{0x01, 0x10, 0x11, 0x18, 0x84, 0x85, 0x8a, 0x91, 0x92, 0xff} {
		c := dial(t, addr, packet.V5, "a")
		c.send(packet.AppendDisconnect(nil, packet.V5, packet.Reason(r), nil))
		c.disconnected(packet.ProtocolError)
	}
}

// TestMessageTooLargeToRepeatIsDone: it gives its place in the receive maximum
// back when the client is back with a smaller maximum.
func TestMessageTooLargeToRepeatIsDone(t *testing.T) { // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
	_, addr := start(t, Defaults())
	connect := lasting(packet.V5, "a")
	connect.Properties.SetNumber(packet.ReceiveMaximum, 1)
	c := dialAs(t, addr, connect)
	c.subscribe("t", 1)
	p := dial(t, addr, packet.V5, "p")
	p.publish(text("t", "a payload that is too long for what the client takes later", 1))
	c.take()
	p.publish(text("t", "short", 1))
	c.cut()
	connect.Properties.SetNumber(packet.MaximumPacketSize, 40)
	c = dialAs(t, addr, connect)
	if got := c.texts(1); got[0] != "short" {
		t.Errorf("got %q", got)
	}
	c.ping()
}

// TestAnswersKeepToTheMaximumPacketSize: an answer that the client cannot take
// ends the connection, for it cannot be left out.
func TestAnswersKeepToTheMaximumPacketSize(t *testing.T) { // [MQTT-3.1.2-24]
	_, addr := start(t, Defaults())
	for size := uint32(1); size < 40; size++ {
		connect := packet.Connect{Version: packet.V5, CleanStart: true}
		connect.Properties.SetNumber(packet.MaximumPacketSize, size)
		c := open(t, addr, packet.V5)
		subs := make([]packet.Subscription, 20)
		for i := range subs {
			subs[i].Filter = "t"
		}
		c.send((&packet.Subscribe{ID: 1, Subscriptions: subs}).Append(connect.Append(nil), packet.V5))
		c.send(publishOf(packet.V5, text("u", "x", 1)))
		for {
			f, err := c.reader.Next()
			if err != nil || f.Type() == packet.PUBACK {
				break
			}
			if n := uint32(2 + len(f.Body)); n > size {
				t.Errorf("%v of %d bytes to a client that takes %d", f.Type(), n, size)
			}
		}
	}
}

func TestExpiredMessagesFinishTheirHandshake(t *testing.T) { // [MQTT-4.3.3-7] [MQTT-4.3.3-13]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		c := b.dial(t, lasting(packet.V5, "c"))
		c.subscribe("t", 2)
		p := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "p"})
		_ = p.conn.SetDeadline(time.Time{})
		m := text("t", "x", 2)
		m.Expiry = 10 * time.Second
		p.send(p.packet(m, 7))
		p.ack(packet.PUBREC, 7)
		first := c.take()
		c.cut()
		time.Sleep(time.Minute)
		p.sendAck(packet.PUBREL, 7)
		if r := p.ack(packet.PUBCOMP, 7); r != packet.Success {
			t.Errorf("got %v", r)
		}
		c = b.dial(t, lasting(packet.V5, "c"))
		if g := c.receive(); g.id != first.id || !g.dup || string(g.Payload) != "x" {
			t.Errorf("got %+v", g)
		}
	})
}
