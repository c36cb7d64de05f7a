package broker

import (
	"fmt"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestReservedFlagsEndTheConnection(t *testing.T) { // [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1], 3.1.1 [MQTT-2.2.2-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			for kind, good := range map[packet.Type]byte{
				packet.PUBACK: 0, packet.PUBREC: 0, packet.PUBREL: 2, packet.PUBCOMP: 0, packet.SUBSCRIBE: 2,
				packet.UNSUBSCRIBE: 2, packet.PINGREQ: 0, packet.DISCONNECT: 0, packet.AUTH: 0,
			} {
				for flags := range byte(16) {
					if flags == good {
						continue
					}
					c := dial(t, addr, v, "a")
					c.send([]byte{byte(kind)<<4 | flags, 0})
					c.disconnected(packet.Malformed)
				}
			}
		})
	}
}

func TestFlagsOfPublishAreChecked(t *testing.T) { // [MQTT-3.3.1-2] [MQTT-3.3.1-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			for _, header := range []byte{0x36, 0x38, 0x39, 0x3e} { // QoS 3, DUP with QoS 0
				c := dial(t, addr, v, "a")
				b := publishOf(v, text("t", "x", 1))
				b[0] = header
				c.send(b)
				c.disconnected(packet.Malformed)
			}
		})
	}
}

func TestIdentifierZeroIsRefused(t *testing.T) { // [MQTT-2.2.1-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			m := text("t", "x", 1)
			for _, each := range []struct {
				packet []byte
				want   packet.Reason
			}{
				{(&packet.Outgoing{Message: &m, QoS: 1}).Append(nil, v), packet.ProtocolError},
				{(&packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "t"}}}).Append(nil, v), packet.Malformed},
				{(&packet.Unsubscribe{Filters: []mqtt.Filter{"t"}}).Append(nil, v), packet.Malformed},
			} {
				c := dial(t, addr, v, "a")
				c.send(each.packet)
				c.disconnected(each.want)
			}
		})
	}
}

// TestAnswersOnTheWire compares them byte by byte.
func TestAnswersOnTheWire(t *testing.T) { // [MQTT-2.2.1-2] [MQTT-2.2.1-5] [MQTT-2.2.1-6] [MQTT-2.2.2-1] [MQTT-3.3.4-1] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.12.4-1] [MQTT-4.3.1-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, listener := dial(t, addr, v, "a"), dial(t, addr, v, "b")
			listener.subscribe("t", 0)
			none := map[packet.Version]string{packet.V5: "\x00"}[v] // the length of no properties
			unsubscribed := map[packet.Version]string{packet.V5: "\x00\x11"}[v]
			for _, id := range []uint16{1, 0x1234, 0xffff} {
				wire := string([]byte{byte(id >> 8), byte(id)})
				for _, exchange := range []struct {
					send   []byte
					answer packet.Type
					body   string
				}{
					{c.packet(text("t", "x", 1), id), packet.PUBACK, wire},
					{c.packet(text("t", "x", 2), id), packet.PUBREC, wire},
					{packet.AppendAck(nil, v, packet.PUBREL, id, packet.Success), packet.PUBCOMP, wire},
					{(&packet.Subscribe{ID: id, Subscriptions: []packet.Subscription{{Filter: "s", QoS: 1}}}).Append(nil, v), packet.SUBACK, wire + none + "\x01"},
					{(&packet.Unsubscribe{ID: id, Filters: []mqtt.Filter{"other"}}).Append(nil, v), packet.UNSUBACK, wire + unsubscribed},
					{packet.AppendPing(nil, packet.PINGREQ), packet.PINGRESP, ""},
				} {
					c.send(exchange.send)
					if f := c.next(exchange.answer); string(f.Body) != exchange.body || f.Header != byte(exchange.answer)<<4 {
						t.Errorf("%v: got %x % x, want % x", exchange.answer, f.Header, f.Body, exchange.body)
					}
				}
				for range 2 {
					if f := listener.next(packet.PUBLISH); f.Header != 0x30 || string(f.Body) != "\x00\x01t"+none+"x" {
						t.Errorf("got %x % x", f.Header, f.Body)
					}
				}
			}
		})
	}
}

func TestIdentifiersOfTheServerAreFree(t *testing.T) { // [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t", 2)
			s.mu.Lock()
			held := s.sessions["a"]
			s.mu.Unlock()
			held.mu.Lock()
			held.inflight.turn = 0xffff - 2
			held.mu.Unlock()
			p := dial(t, addr, v, "p")
			seen := map[uint16]bool{0: true}
			for round := range 2 {
				for i := range 6 {
					p.publish(text("t", fmt.Sprint(i), 1+mqtt.QoS(i%2)))
					if g := c.take(); seen[g.id] {
						t.Errorf("identifier %d is in use", g.id)
					} else {
						seen[g.id] = true
					}
				}
				// Around once more, where those of the first round still are.
				held.mu.Lock()
				held.inflight.turn = 2<<16 - 5 + uint64(round)
				held.mu.Unlock()
			}
		})
	}
}

// TestPacketsCutShortEndTheConnection cuts packets at every byte that they
// cannot do without, and mends their length.
func TestPacketsCutShortEndTheConnection(t *testing.T) { // [MQTT-4.13.1-1] [MQTT-3.1.2-9] [MQTT-3.8.3-2] [MQTT-3.10.3-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			m := mqtt.Message{Topic: "topic", QoS: 1, UTF8: true, ContentType: "text/plain", CorrelationData: []byte("x"),
				UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}}}
			subscribe := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "t", QoS: 1}}}
			unsubscribe := packet.Unsubscribe{ID: 1, Filters: []mqtt.Filter{"t"}}
			for _, whole := range [][]byte{
				publishOf(v, m), subscribe.Append(nil, v), unsubscribe.Append(nil, v), packet.AppendAck(nil, v, packet.PUBREL, 1, packet.Success),
			} {
				for length := range len(whole) - 2 {
					c := dial(t, addr, v, "a")
					c.send(append([]byte{whole[0], byte(length)}, whole[2:2+length]...))
					if f, err := c.reader.Next(); v == packet.V5 && (err != nil || f.Type() != packet.DISCONNECT || f.Body[0] != 0x81 && f.Body[0] != 0x82) {
						t.Errorf("%v of %d bytes: got %v % x, %v", packet.Type(whole[0]>>4), length, f.Type(), f.Body, err)
					} else if v == packet.V311 && err == nil {
						t.Errorf("%v of %d bytes: got %v", packet.Type(whole[0]>>4), length, f.Type())
					}
				}
			}
			full := packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Message: m}, HasUser: true, User: "u", HasPassword: true, Password: []byte("p")}
			whole := full.Append(nil)
			for length := range len(whole) - 2 {
				c := open(t, addr, v)
				c.send(append([]byte{whole[0], byte(length)}, whole[2:2+length]...))
				if f, err := c.reader.Next(); err == nil && (v == packet.V311 || f.Type() != packet.CONNACK || f.Body[1] != 0x81) {
					t.Errorf("CONNECT of %d bytes: got %v % x", length, f.Type(), f.Body)
				}
			}
		})
	}
}
