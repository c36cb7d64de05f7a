package broker

import (
	"slices"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestSubackAnswersEachFilterInOrder(t *testing.T) { // [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			s.Access = rules{}
			c := dial(t, addr, v, "a")
			got := c.trySubscribe(0,
				packet.Subscription{Filter: "a", QoS: 2}, packet.Subscription{Filter: "secret", QoS: 1}, packet.Subscription{Filter: "b"},
				packet.Subscription{Filter: "secret", QoS: 2}, packet.Subscription{Filter: "c", QoS: 1}, packet.Subscription{Filter: "a", QoS: 0})
			want := []packet.Reason{2, packet.NotAuthorized, 0, packet.NotAuthorized, 1, 0}
			if v == packet.V311 {
				want[1], want[3] = 0x80, 0x80
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			p := dial(t, addr, v, "p")
			for _, topic := range []string{"a", "b", "c"} {
				p.publish(text(topic, topic, 2))
			}
			for i, want := range []mqtt.QoS{0, 0, 1} { // the last one for "a" counts
				if g := c.receive(); g.QoS != want {
					t.Errorf("%d: got %+v", i, g)
				}
			}
		})
	}
}

func TestReservedOptionsEndTheConnection(t *testing.T) { // [MQTT-3.8.3-2] [MQTT-3.8.3-5], 3.1.1 [MQTT-3.8.3-4]
	_, addr := start(t, Defaults())
	for _, c := range []struct {
		v       packet.Version
		options byte
		want    packet.Reason
	}{
		{packet.V311, 0x03, 0}, {packet.V311, 0x04, 0}, {packet.V311, 0x08, 0}, {packet.V311, 0x10, 0}, {packet.V311, 0x80, 0},
		{packet.V5, 0x40, packet.Malformed}, {packet.V5, 0x80, packet.Malformed}, {packet.V5, 0x03, packet.ProtocolError}, {packet.V5, 0x30, packet.ProtocolError},
	} {
		raw := dial(t, addr, c.v, "a")
		b := (&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "t"}}}).Append(nil, c.v)
		b[len(b)-1] = c.options
		raw.send(b)
		raw.disconnected(c.want)
	}
	for _, v := range both {
		for _, b := range [][]byte{(&packet.Subscribe{ID: 1}).Append(nil, v), (&packet.Unsubscribe{ID: 1}).Append(nil, v)} { // [MQTT-3.10.3-2]
			raw := dial(t, addr, v, "a")
			raw.send(b)
			raw.disconnected(packet.ProtocolError)
		}
	}
}

func TestSubscriptionTakesThePlaceOfTheOneBefore(t *testing.T) { // [MQTT-3.8.4-3] [MQTT-3.8.4-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dial(t, addr, v, "c"), dial(t, addr, v, "p")
			p.publish(retained("t", "kept"))
			for _, qos := range []mqtt.QoS{2, 0, 1} {
				c.subscribe("t", qos)
				if g := c.receive(); !g.Retain || g.QoS != min(qos, 1) || string(g.Payload) != "kept" {
					t.Errorf("got %+v", g)
				}
				p.publish(text("t", "live", 2))
				if g := c.receive(); g.Retain || g.QoS != qos || string(g.Payload) != "live" {
					t.Errorf("got %+v", g)
				}
				c.ping()
			}
		})
	}
}

// TestReplacingASubscriptionLosesNothing: messages flow while the client
// subscribes again and again.
func TestReplacingASubscriptionLosesNothing(t *testing.T) { // [MQTT-3.8.4-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dial(t, addr, v, "c"), dial(t, addr, v, "p")
			c.subscribe("t", 1)
			const n = 200
			subscribe := (&packet.Subscribe{ID: 5, Subscriptions: []packet.Subscription{{Filter: "t", QoS: 1}}}).Append(nil, v)
			for i := range n {
				c.send(subscribe)
				p.send(p.packet(text("t", string(rune('a'+i%26)), 1), uint16(i+1)))
			}
			for i := 0; i < n; {
				f, err := c.reader.Next()
				if err != nil {
					t.Fatal(err)
				}
				if f.Type() != packet.PUBLISH {
					continue
				}
				var g packet.Publish
				if err := g.Decode(v, f); err != nil || string(g.Payload) != string(rune('a'+i%26)) {
					t.Fatalf("%d: got %q, %v", i, g.Payload, err)
				}
				c.sendAck(packet.PUBACK, g.ID)
				i++
			}
		})
	}
}

func TestUnsubscribeComparesCharacterByCharacter(t *testing.T) { // [MQTT-3.10.4-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t/+", 1)
			for _, f := range []mqtt.Filter{"t/x", "t/#", "#", "T/+", "t/+/"} {
				c.send((&packet.Unsubscribe{ID: 8, Filters: []mqtt.Filter{f}}).Append(nil, v))
				c.next(packet.UNSUBACK)
			}
			if n := s.tree.Len(); n != 1 {
				t.Errorf("%d subscriptions", n)
			}
		})
	}
}

func TestUnsubscribeCompletesWhatIsUnderWay(t *testing.T) { // [MQTT-3.10.4-2] [MQTT-3.10.4-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dialAs(t, addr, lasting(v, "c")), dial(t, addr, v, "p")
			c.subscribe("t", 2)
			p.publish(text("t", "1", 1))
			p.publish(text("t", "2", 2))
			one, two := c.take(), c.take()
			c.send((&packet.Unsubscribe{ID: 8, Filters: []mqtt.Filter{"t"}}).Append(nil, v))
			c.next(packet.UNSUBACK)
			p.publish(text("t", "3", 1))
			c.sendAck(packet.PUBREC, two.id)
			c.ack(packet.PUBREL, two.id)
			c.cut()
			c = dialAs(t, addr, lasting(v, "c"))
			if g := c.receive(); g.id != one.id || !g.dup {
				t.Errorf("got %+v", g)
			}
			c.ack(packet.PUBREL, two.id)
			c.sendAck(packet.PUBCOMP, two.id)
			c.ping()
		})
	}
}
