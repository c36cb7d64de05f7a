package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestAcknowledgedIdentifierIsFree(t *testing.T) { // [MQTT-4.3.2-5] [MQTT-4.3.3-12]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dial(t, addr, v, "c"), dial(t, addr, v, "p")
			c.subscribe("t", 0)
			for _, qos := range []mqtt.QoS{1, 2} {
				for range 3 {
					b := p.packet(text("t", "x", qos), 5)
					b[0] |= 8 // DUP says nothing
					p.send(b)
					if qos == 1 {
						p.ack(packet.PUBACK, 5)
					} else {
						p.ack(packet.PUBREC, 5)
						p.sendAck(packet.PUBREL, 5)
						p.ack(packet.PUBCOMP, 5)
					}
				}
			}
			c.texts(6)
			c.ping()
		})
	}
}

func TestRefusedIdentifierIsFree(t *testing.T) { // [MQTT-4.3.3-9]
	s, addr := start(t, Defaults())
	s.Access = rules{}
	c, p := dial(t, addr, packet.V5, "c"), dial(t, addr, packet.V5, "p")
	c.subscribe("t", 2)
	p.send(p.packet(text("secret", "x", 2), 5))
	if r := p.ack(packet.PUBREC, 5); r != packet.NotAuthorized {
		t.Errorf("got %v", r)
	}
	p.send(p.packet(text("t", "x", 2), 5))
	if r := p.ack(packet.PUBREC, 5); r != packet.Success {
		t.Errorf("got %v", r)
	}
	c.texts(1)
}

// TestNothingIsRepeatedWhileTheConnectionIsOpen: hours pass, and the server
// does not lose patience.
func TestNothingIsRepeatedWhileTheConnectionIsOpen(t *testing.T) { // [MQTT-4.4.0-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
				c := b.dial(t, lasting(v, "c"))
				_ = c.conn.SetDeadline(time.Time{})
				c.subscribe("t", 2)
				for qos := range mqtt.QoS(3) {
					if err := b.server.Publish(t.Context(), text("t", "x", qos)); err != nil {
						t.Fatal(err)
					}
				}
				c.take()
				c.take()
				released := c.take()
				c.sendAck(packet.PUBREC, released.id)
				c.ack(packet.PUBREL, released.id)
				time.Sleep(24 * time.Hour)
				c.ping()
			})
		})
	}
}

func TestRefusedMessagesAreNotRepeated(t *testing.T) { // [MQTT-4.4.0-2]
	_, addr := start(t, Defaults())
	c, p := dialAs(t, addr, lasting(packet.V5, "c")), dial(t, addr, packet.V5, "p")
	c.subscribe("t", 2)
	for _, qos := range []mqtt.QoS{1, 2} {
		p.publish(text("t", "x", qos))
		c.send(packet.AppendAck(nil, packet.V5, packet.PUBACK+packet.Type(qos-1), c.take().id, packet.QuotaExceeded))
	}
	c.ping()
	c.cut()
	c = dialAs(t, addr, lasting(packet.V5, "c"))
	c.ping()
}

func TestAnswersComeInTheOrderOfTheirPackets(t *testing.T) { // [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, p := dial(t, addr, v, "c"), dial(t, addr, v, "p")
			c.subscribe("t", 2)
			ids := []uint16{9, 3, 7, 1, 60000, 2}
			for _, qos := range []mqtt.QoS{1, 2} {
				var batch []byte
				for _, id := range ids {
					batch = append(batch, p.packet(text("t", "x", qos), id)...)
				}
				p.send(batch)
				for _, id := range ids {
					p.ack(packet.PUBACK+packet.Type(qos-1), id)
				}
			}
			for range ids {
				c.receive()
			}
			var got, batch []byte
			for range ids {
				id := c.take().id
				batch = packet.AppendAck(batch, v, packet.PUBREC, id, packet.Success)
				got = packet.AppendAck(got, v, packet.PUBREL, id, packet.Success)
			}
			c.send(batch)
			for len(got) > 0 {
				c.ack(packet.PUBREL, uint16(got[2])<<8|uint16(got[3]))
				got = got[4:]
			}
		})
	}
}

func TestTopicsWithWildcardsEndTheConnection(t *testing.T) { // [MQTT-4.7.0-1]
	for name, v := range both {
		for _, topic := range []string{"#", "+", "a/#", "a/+/b", "a+", "#a"} {
			t.Run(name+" "+topic, func(t *testing.T) {
				_, addr := start(t, Defaults())
				c := dial(t, addr, v, "a")
				c.send(publishOf(v, text(topic, "x", 1)))
				c.disconnected(packet.ProtocolError)
			})
		}
	}
}

func TestMembersOfAGroupGetTheirOwnQoS(t *testing.T) { // [MQTT-4.8.2-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			var members []*client
			for qos := range mqtt.QoS(3) {
				c := dial(t, addr, v, fmt.Sprint(qos))
				c.subscribe("$share/g/t", qos)
				members = append(members, c)
			}
			p := dial(t, addr, v, "p")
			for range members {
				p.publish(text("t", "x", 2))
			}
			for i, c := range members {
				if g := c.receive(); g.QoS != mqtt.QoS(i) {
					t.Errorf("%d: got %+v", i, g)
				}
				c.ping()
			}
		})
	}
}

// group is two members that outlive their connections, the first of which has
// begun to receive a message of QoS 2.
func group(t *testing.T, v packet.Version) (s *Server, addr string, first, second *client, under got) {
	t.Helper()
	s, addr = start(t, Defaults())
	first, second = dialAs(t, addr, lasting(v, "first")), dialAs(t, addr, lasting(v, "second"))
	first.subscribe("$share/g/t", 2)
	dial(t, addr, v, "p").publish(text("t", "x", 2))
	under = first.take()
	second.subscribe("$share/g/t", 2)
	return s, addr, first, second, under
}

func TestMemberThatComesBackGetsItsMessage(t *testing.T) { // [MQTT-4.8.2-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr, first, second, under := group(t, v)
			first.cut()
			first = dialAs(t, addr, lasting(v, "first"))
			if g := first.receive(); g.id != under.id || !g.dup {
				t.Errorf("got %+v", g)
			}
			second.ping()
		})
	}
}

func TestMessageOfQoS2ThatBeganGoesToNobodyElse(t *testing.T) { // [MQTT-4.8.2-5]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr, first, second, _ := group(t, v)
			first.cut()
			dial(t, addr, v, "first").leave() // a clean start ends the session
			waitFor(t, "end of the session", func() bool { return away(s, "first") })
			second.ping()
		})
	}
}

func TestRefusedSharedMessageGoesToNobodyElse(t *testing.T) { // [MQTT-4.8.2-6]
	_, addr := start(t, Defaults())
	first, second, p := dial(t, addr, packet.V5, "first"), dial(t, addr, packet.V5, "second"), dial(t, addr, packet.V5, "p")
	for _, qos := range []mqtt.QoS{1, 2} {
		first.subscribe("$share/g/t", 2)
		p.publish(text("t", "x", qos))
		g := first.take()
		second.subscribe("$share/g/t", 2)
		first.send(packet.AppendAck(nil, packet.V5, packet.PUBACK+packet.Type(qos-1), g.id, packet.Unspecified))
		first.ping()
		second.ping()
		second.send((&packet.Unsubscribe{ID: 1, Filters: []mqtt.Filter{"$share/g/t"}}).Append(nil, packet.V5))
		second.next(packet.UNSUBACK)
	}
}

// TestSequencesKeepTheirOrder: messages of two publishers, three
// topics and all qualities mix, but each sequence keeps its order.
func TestSequencesKeepTheirOrder(t *testing.T) { // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "c")
			c.subscribe("#", 2)
			const n = 60
			for _, id := range []string{"p", "q"} {
				p := dial(t, addr, v, id)
				var batch []byte
				for i := range n {
					m := text(fmt.Sprintf("%s/%d", id, i%3), fmt.Sprintf("%03d", i), mqtt.QoS(i%2))
					batch = append(batch, p.packet(m, uint16(i+1))...)
				}
				p.send(batch)
			}
			last := map[string]string{}
			for range 2 * n {
				g := c.receive()
				key := fmt.Sprint(g.Topic, g.QoS)
				if now := string(g.Payload); now <= last[key] {
					t.Errorf("%s: %s after %s", key, now, last[key])
				}
				last[key] = string(g.Payload)
			}
			if keys := len(last); keys != 12 {
				t.Errorf("%d sequences", keys)
			}
		})
	}
}

// TestWillsOverTakeOvers: what becomes of a will when another connection takes
// the session over, for each delay, life of the session and clean start.
func TestWillsOverTakeOvers(t *testing.T) { // [MQTT-3.1.2-8] [MQTT-3.1.3-9]
	for _, delay := range []uint32{0, 10, 100} {
		for _, expiry := range []uint32{0, 50, 1000} {
			for _, clean := range []bool{false, true} {
				for _, after := range []time.Duration{0, 5 * time.Second, 40 * time.Second, 70 * time.Second, 200 * time.Second} {
					t.Run(fmt.Sprintf("delay %d, expiry %d, clean %v, after %v", delay, expiry, clean, after), func(t *testing.T) {
						bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
							texts := b.observe(t, "w")
							client := b.dial(t, withWill(packet.V5, delay, expiry))
							_ = client.conn.SetDeadline(time.Time{})
							if after > 0 {
								client.cut()
								time.Sleep(after)
							}
							due := time.Duration(min(delay, expiry)) * time.Second
							spoken := len(texts())
							if want := map[bool]int{true: 1}[after > 0 && after >= due]; spoken != want {
								t.Errorf("before: spoken %d times, want %d", spoken, want)
							}
							p := lasting(packet.V5, "a")
							p.CleanStart = clean
							go func() { _, _ = client.reader.Next() }() // DISCONNECT, if it is open
							_ = b.dial(t, p)
							time.Sleep(1000 * time.Second)
							want := 1
							if !clean && after < due { // back in time
								want = 0
							}
							if got := texts(); len(got) != want {
								t.Errorf("spoken %d times, want %d", len(got), want)
							}
						})
					})
				}
			}
		}
	}
}

func TestSubscriptionIdentifiersStayWithTheirMessages(t *testing.T) { // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
	s, addr := start(t, Defaults())
	c := dialAs(t, addr, lasting(packet.V5, "c"))
	c.subscribeAs(3, packet.Subscription{Filter: "a/#", QoS: 1})
	c.subscribeAs(2, packet.Subscription{Filter: "a/b", QoS: 2})
	c.subscribeAs(7, packet.Subscription{Filter: "$share/g/a/b", QoS: 1})
	c.cut()
	waitFor(t, "end of the connection", func() bool { return away(s, "c") })
	dial(t, addr, packet.V5, "p").publish(text("a/b", "x", 2))
	for range 2 { // waiting, and then repeated
		c = dialAs(t, addr, lasting(packet.V5, "c"))
		all := [][]uint32{c.take().ids, c.take().ids}
		slices.SortFunc(all, slices.Compare)
		if want := [][]uint32{{2, 3}, {7}}; !slices.EqualFunc(all, want, slices.Equal) {
			t.Errorf("got %v, want %v", all, want)
		}
		c.cut()
		waitFor(t, "end of the connection", func() bool { return away(s, "c") })
	}
}
