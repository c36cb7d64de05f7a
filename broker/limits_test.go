package broker

import (
	"fmt"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestQoSMayHaveALimit(t *testing.T) { // [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.MaxQoS = 1
			_, addr := start(t, cfg)
			c := dial(t, addr, v, "a")
			if v == packet.V5 && (!c.told.Has(packet.MaximumQoS) || c.told.Number(packet.MaximumQoS) != 1) {
				t.Errorf("CONNACK: %+v", c.told)
			}
			if r := c.trySubscribe(0, packet.Subscription{Filter: "t", QoS: 2}); r[0] != 1 {
				t.Errorf("SUBACK: %v", r)
			}
			c.send(c.packet(text("t", "x", 1), 7))
			c.lookAhead(packet.PUBACK)
			c.ack(packet.PUBACK, 7)
			c.receive()
			c.send(c.packet(text("t", "x", 2), 9))
			c.disconnected(packet.QoSUnsupported)

			will := packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Message: text("w", "x", 2)}}
			c = open(t, addr, v)
			c.send(will.Append(nil))
			if v == packet.V5 {
				if r := c.connack(); r != packet.QoSUnsupported {
					t.Errorf("got %v", r)
				}
			}
			c.closed()
		})
	}
}

func TestRetainMayBeOff(t *testing.T) { // [MQTT-3.2.2-13]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.Retain = false
			s, addr := start(t, cfg)
			c := dial(t, addr, v, "a")
			if v == packet.V5 && (!c.told.Has(packet.RetainAvailable) || c.told.Number(packet.RetainAvailable) != 0) {
				t.Errorf("CONNACK: %+v", c.told)
			}
			c.send(c.packet(mqtt.Message{Topic: "t", Payload: []byte("x"), Retain: true}, 0))
			c.disconnected(packet.RetainUnsupported)
			will := packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Message: retained("w", "x")}}
			c = open(t, addr, v)
			c.send(will.Append(nil))
			if v == packet.V5 {
				if r := c.connack(); r != packet.RetainUnsupported {
					t.Errorf("got %v", r)
				}
			}
			c.closed()
			if s.retained.Len() > 0 {
				t.Error("a message is retained")
			}
		})
	}
}

// The first answer to a message of QoS 2 is PUBREC, also where the publisher
// gets the message itself.
func TestOwnMessageOfQoS2ComesBehindItsAnswer(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t", 2)
			for range 3 {
				c.send(append(c.packet(text("t", "x", 2), 5), packet.AppendAck(nil, v, packet.PUBREL, 5, packet.Success)...))
				c.ack(packet.PUBREC, 5)
				if got := c.take(); string(got.Payload) != "x" || got.QoS != 2 {
					t.Errorf("got %+v", got)
				}
				c.ack(packet.PUBCOMP, 5)
			}
		})
	}
}

func TestListenerSaysWhichVersionsComeIn(t *testing.T) { // [MQTT-3.1.2-2], 3.1.1 [MQTT-3.1.2-2]
	s, _ := start(t, Defaults())
	addr := listen(t, s, ListenerOptions{Anonymous: true, Versions: []Version{Version(packet.V311)}})
	dial(t, addr, packet.V311, "a")
	for v, code := range map[packet.Version]byte{packet.V31: 1, packet.V5: byte(packet.UnsupportedVersion)} {
		c := open(t, addr, v)
		hello := packet.Connect{Version: v, CleanStart: true, ClientID: "b"}
		c.send(hello.Append(nil))
		if got := c.next(packet.CONNACK).Body[1]; got != code {
			t.Errorf("version %d: got %d, want %d", v, got, code)
		}
		c.closed()
	}
	for text, want := range map[string]packet.Version{"3.1": packet.V31, "3.1.1": packet.V311, "5.0": packet.V5, "5": packet.V5} {
		var v Version
		if err := v.UnmarshalText([]byte(text)); err != nil || v != Version(want) {
			t.Errorf("%s is read as %d, %v", text, v, err)
		}
	}
	if new(Version).UnmarshalText([]byte("4")) == nil {
		t.Error("4 is a version")
	}
}

func TestListenerHasPlacesOfItsOwn(t *testing.T) {
	s, other := start(t, Defaults())
	addr := listen(t, s, ListenerOptions{Anonymous: true, MaxConnections: 2})
	open(t, addr, packet.V5) // who says nothing takes no place
	dial(t, addr, packet.V5, "a")
	b := dial(t, addr, packet.V311, "b")
	for name, v := range both {
		c := open(t, addr, v)
		hello := packet.Connect{Version: v, CleanStart: true, ClientID: "c"}
		c.send(hello.Append(nil))
		if got, want := c.next(packet.CONNACK).Body[1], map[string]byte{"3.1.1": 3, "5.0": byte(packet.QuotaExceeded)}[name]; got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
		c.closed()
	}
	dial(t, other, packet.V5, "d")
	b.leave()
	waitFor(t, "free place", func() bool {
		c := open(t, addr, packet.V5)
		hello := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "c"}
		c.send(hello.Append(nil))
		return c.connack() == packet.Success
	})
}

func TestClientsMayHaveToNameThemselves(t *testing.T) { // [MQTT-3.1.3-8], 3.1.1 [MQTT-3.1.3-8]
	cfg := Defaults()
	cfg.AllowZeroLengthClientID = false
	_, addr := start(t, cfg)
	for name, v := range both {
		c := open(t, addr, v)
		hello := packet.Connect{Version: v, CleanStart: true}
		c.send(hello.Append(nil))
		if got, want := c.next(packet.CONNACK).Body[1], map[string]byte{"3.1.1": 2, "5.0": byte(packet.ClientIDInvalid)}[name]; got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
		c.closed()
		dial(t, addr, v, "a")
	}
}

func TestMessagesMayHaveALimit(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.MessageSizeLimit = 4
			s, addr := start(t, cfg)
			c := dial(t, addr, v, "a")
			c.subscribe("t", 2)
			want := packet.QuotaExceeded
			if v != packet.V5 { // which has no answer but the one of success
				want = packet.Success
			}
			for _, retain := range []bool{false, true} {
				big := mqtt.Message{Topic: "t", Payload: []byte("12345"), Retain: retain}
				c.send(c.packet(big, 0))
				big.QoS = 1
				c.send(c.packet(big, 1))
				if r := c.ack(packet.PUBACK, 1); r != want {
					t.Errorf("got %v, want %v", r, want)
				}
				big.QoS = 2
				c.send(c.packet(big, 2))
				if r := c.ack(packet.PUBREC, 2); r != want {
					t.Errorf("got %v, want %v", r, want)
				}
				if v != packet.V5 {
					c.sendAck(packet.PUBREL, 2)
					c.ack(packet.PUBCOMP, 2)
				}
			}
			if n := s.Figures().Dropped.Load(); n != 6 || s.retained.Len() > 0 {
				t.Errorf("%d are counted, %d are retained", n, s.retained.Len())
			}
			c.send(c.packet(text("t", "1234", 1), 3))
			c.lookAhead(packet.PUBACK)
			c.ack(packet.PUBACK, 3)
			if got := string(c.receive().Payload); got != "1234" {
				t.Errorf("got %s", got)
			}
			will := packet.Connect{Version: v, CleanStart: true, ClientID: "b", Will: &packet.Will{Message: text("w", "12345", 0)}}
			b := open(t, addr, v)
			b.send(will.Append(nil))
			if got, want := b.next(packet.CONNACK).Body[1], map[string]byte{"3.1.1": 3, "5.0": byte(packet.QuotaExceeded)}[name]; got != want {
				t.Errorf("will: got %d, want %d", got, want)
			}
		})
	}
}

// What a client was told holds as long as its connection; the rest counts at once.
func TestLimitsChangeWhileClientsAreThere(t *testing.T) {
	s, addr := start(t, Defaults())
	before, watch := dial(t, addr, packet.V5, "before"), dial(t, addr, packet.V5, "watch")
	watch.subscribe("t", 2)
	cfg := Defaults()
	cfg.SysInterval = 0
	cfg.MaxQoS, cfg.MaxPacketSize, cfg.MaxTopicAliases, cfg.MaxSubscriptions = 1, 1000, 100, 1
	s.SetLimits(cfg)

	large := text("t", strings.Repeat("x", 2000), 2)
	before.publish(large)
	if got := watch.receive(); got.QoS != 2 {
		t.Errorf("QoS %d", got.QoS)
	}
	if r := watch.trySubscribe(0, packet.Subscription{Filter: "u"}); r[0] != packet.QuotaExceeded {
		t.Errorf("one subscription too many: %v", r)
	}
	last := text("v", "x", 0)
	aliased := (&packet.Outgoing{Message: &last, Alias: 100}).Append(nil, packet.V5)
	after := dial(t, addr, packet.V5, "after")
	for property, want := range map[packet.PropertyID]uint32{packet.MaximumQoS: 1, packet.MaximumPacketSize: 1000, packet.TopicAliasMaximum: 100} {
		if got := after.told.Number(property); got != want {
			t.Errorf("told %d, want %d", got, want)
		}
	}
	after.send(aliased)
	after.ping()
	after.send(after.packet(large, 1))
	after.disconnected(packet.TooLarge)
	before.send(aliased)
	before.disconnected(packet.TopicAliasInvalid)
}

// Many clients that are away cost no more than is allowed for all of them together, and
// those with little suffer nothing for it.
func TestQueuesOfAllClientsHaveALimit(t *testing.T) {
	for _, overflow := range []Overflow{DropNewest, DropOldest} {
		t.Run(overflow.String(), func(t *testing.T) {
			cfg := Defaults()
			cfg.MaxQueuedTotal, cfg.QueueFull = 1<<20, overflow
			s, addr := start(t, cfg)
			const away, messages = 20, 2000
			for i := range away {
				c := dialAs(t, addr, lasting(packet.V5, fmt.Sprint("away", i)))
				c.subscribe("flood", 1)
				c.conn.Close()
			}
			small := dialAs(t, addr, lasting(packet.V5, "small"))
			small.subscribe("seldom", 1)
			small.conn.Close()
			waitFor(t, "end of the connections", func() bool { return s.sockets.Load() == 0 })
			p := dial(t, addr, packet.V5, "p")
			for i := range messages {
				p.publish(text("flood", fmt.Sprint(i)+strings.Repeat(" ", 2000), 1))
			}
			for i := range scarceLen {
				p.publish(text("seldom", fmt.Sprint(i), 1))
			}
			if got := s.hoard.bytes.Load(); got < 1<<20 || got > 1<<20+1<<18 {
				t.Errorf("%d bytes wait", got)
			}
			small = dialAs(t, addr, lasting(packet.V5, "small"))
			for i := range scarceLen {
				got := small.take()
				if string(got.Payload) != fmt.Sprint(i) {
					t.Fatalf("got %q, want %d", got.Payload, i)
				}
				small.send(packet.AppendAck(nil, packet.V5, packet.PUBACK, got.id, packet.Success))
			}
			one := dialAs(t, addr, lasting(packet.V5, "away7"))
			want := "0"
			if first := one.take(); overflow == DropNewest != (strings.TrimSpace(string(first.Payload)) == want) {
				t.Errorf("the first of the flood is %.10q", first.Payload)
			}
		})
	}
}
