package broker

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/configs"
)

// flagsAt is where the connect flags stand in a CONNECT of less than 128 bytes.
const flagsAt = 9

// TestFlagsOfConnectTellItsFields: a flag that says otherwise than the payload
// makes the packet malformed.
func TestFlagsOfConnectTellItsFields(t *testing.T) { // [MQTT-3.1.2-3] [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-3] [MQTT-3.1.4-1], 3.1.1 [MQTT-3.1.2-22], 3.1.1 [MQTT-3.1.4-1], 3.1.1 [MQTT-3.2.2-6]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			bare := packet.Connect{Version: v, CleanStart: true, ClientID: "a"}
			full := bare
			full.Will = &packet.Will{Message: text("w", "x", 1)}
			full.User, full.HasUser, full.Password, full.HasPassword = "u", true, []byte("p"), true
			for _, c := range []struct {
				what  string
				p     packet.Connect
				flags byte // changed
			}{
				{"the reserved flag", bare, 0x01},
				{"a will that is not there", bare, 0x04},
				{"a will QoS without a will", bare, 0x08},
				{"will retain without a will", bare, 0x20},
				{"a password that is not there", bare, 0xc0},
				{"a user name that is not there", bare, 0x80},
				{"a will QoS of 3", full, 0x10},
				{"a will too many", full, 0x0c},
				{"a user name too many", full, 0x80},
				{"a password too many", full, 0x40},
			} {
				b := c.p.Append(nil)
				b[flagsAt] ^= c.flags
				raw := open(t, addr, v)
				raw.send(b)
				if v == packet.V5 {
					if r := raw.connack(); r != packet.Malformed {
						t.Errorf("%s: %v", c.what, r)
					}
				}
				raw.closed()
			}
		})
	}
}

// doorkeeper notes who came.
type doorkeeper struct {
	NoUsers
	mu  sync.Mutex
	all []string
}

func (d *doorkeeper) Connect(p *Peer, password []byte) packet.Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, fmt.Sprintf("%s %s %s", p.ClientID, p.User, password))
	return packet.Success
}

func TestFieldsOfConnectComeInTheirOrder(t *testing.T) { // [MQTT-3.1.3-1] [MQTT-3.1.2-17] [MQTT-3.1.2-19]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			door := &doorkeeper{}
			s.Access = door
			witness := dial(t, addr, v, "witness")
			witness.subscribe("will topic", 0)
			dialAs(t, addr, packet.Connect{
				Version: v, CleanStart: true, ClientID: "id", HasUser: true, User: "user", HasPassword: true, Password: []byte("password"),
				Will: &packet.Will{Message: text("will topic", "will payload", 0)},
			}).cut()
			if got := string(witness.receive().Payload); got != "will payload" {
				t.Errorf("got %q", got)
			}
			door.mu.Lock()
			defer door.mu.Unlock()
			if want := []string{"witness  ", "id user password"}; !slices.Equal(door.all, want) {
				t.Errorf("got %q", door.all)
			}
		})
	}
}

func TestClientIDNamesTheSession(t *testing.T) { // [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.3-5] [MQTT-3.2.2-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			ids := []string{"A", "a", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"}
			for _, id := range ids {
				c := dialAs(t, addr, lasting(v, id))
				if c.present {
					t.Errorf("%s has a session", id)
				}
				c.subscribe(mqtt.Filter(id), 1)
				c.cut()
			}
			p := dial(t, addr, v, "p")
			for _, id := range ids {
				p.publish(text(id, id, 1))
			}
			for _, id := range ids {
				c := dialAs(t, addr, lasting(v, id))
				if got := c.texts(1); !c.present || got[0] != id {
					t.Errorf("%s: present %v, got %q", id, c.present, got)
				}
				c.ping()
			}
		})
	}
}

func TestRefusedClientIsNotHeard(t *testing.T) { // [MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			closed := listen(t, s, ListenerOptions{Name: "closed"})
			dialAs(t, addr, lasting(v, "a")).leave()
			c := open(t, closed, v)
			p := lasting(v, "a")
			b := append(p.Append(nil), publishOf(v, mqtt.Message{Topic: "t", Payload: []byte("x"), QoS: 1})...)
			b[len(p.Append(nil))] |= 1 // retain
			c.send(b)
			if r := c.connack(); r != packet.NotAuthorized || c.present {
				t.Errorf("got %v, session present %v", r, c.present)
			}
			c.closed()
			if n := s.retained.Len(); n != 0 {
				t.Error("its message was processed")
			}
		})
	}
}

func TestConnackIsFirst(t *testing.T) { // [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			c := dialAs(t, addr, lasting(v, "a"))
			c.subscribe("t", 1)
			c.cut()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			dial(t, addr, v, "p").publish(text("t", "x", 1))
			c = open(t, addr, v)
			p := lasting(v, "a")
			c.send(packet.AppendPing(p.Append(nil), packet.PINGREQ))
			if f := c.next(packet.CONNACK); f.Body[0] != 1 || f.Body[1] != 0 {
				t.Errorf("got % x", f.Body)
			}
			c.lookAhead(packet.PINGRESP)
			c.next(packet.PINGRESP)
			c.receive()
			c.ping()
		})
	}
}

func TestKeepAliveIsTheOneThatIsTold(t *testing.T) { // [MQTT-3.2.2-21] [MQTT-3.2.2-22] [MQTT-3.1.2-22]
	cfg := Defaults()
	cfg.MaxKeepAlive = configs.Duration(time.Minute)
	for _, c := range []struct {
		asked uint16
		told  uint32
		cut   time.Duration
	}{
		{0, 60, 90 * time.Second}, {600, 60, 90 * time.Second}, {60, 0, 90 * time.Second}, {30, 0, 45 * time.Second},
	} {
		t.Run(fmt.Sprint(c.asked), func(t *testing.T) {
			bubble(t, cfg, func(t *testing.T, b *bubbled) {
				client := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a", KeepAlive: c.asked})
				_ = client.conn.SetDeadline(time.Time{})
				if got := client.told.Number(packet.ServerKeepAlive); got != c.told {
					t.Errorf("told %d, want %d", got, c.told)
				}
				begin := time.Now()
				client.disconnected(packet.KeepAliveTimeout)
				if took := time.Since(begin); took != c.cut {
					t.Errorf("cut after %v, want %v", took, c.cut)
				}
			})
		})
	}
}

// TestNothingIsToldThatWasNotAskedFor: no answer has reason strings, user
// properties or response information.
func TestNothingIsToldThatWasNotAskedFor(t *testing.T) { // [MQTT-3.1.2-28] [MQTT-3.1.2-29]
	s, addr := start(t, Defaults())
	s.Access = rules{}
	p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a"}
	p.Properties.SetNumber(packet.RequestProblemInfo, 0)
	p.Properties.SetNumber(packet.RequestResponseInfo, 0)
	c := dialAs(t, addr, p)
	if c.told.Has(packet.ResponseInfo) || c.told.Has(packet.ReasonString) || len(c.told.User) > 0 {
		t.Errorf("CONNACK: %+v", c.told)
	}
	for _, exchange := range []struct {
		send   []byte
		answer packet.Type
		body   string
	}{
		{c.packet(text("secret", "x", 1), 5), packet.PUBACK, "\x00\x05\x87"},
		{c.packet(text("secret", "x", 2), 5), packet.PUBREC, "\x00\x05\x87"},
		{packet.AppendAck(nil, packet.V5, packet.PUBREL, 5, packet.Success), packet.PUBCOMP, "\x00\x05\x92"},
		{packet.AppendAck(nil, packet.V5, packet.PUBREC, 5, packet.Success), packet.PUBREL, "\x00\x05\x92"},
		{(&packet.Subscribe{ID: 5, Subscriptions: []packet.Subscription{{Filter: "secret"}}}).Append(nil, packet.V5), packet.SUBACK, "\x00\x05\x00\x87"},
		{(&packet.Unsubscribe{ID: 5, Filters: []mqtt.Filter{"x"}}).Append(nil, packet.V5), packet.UNSUBACK, "\x00\x05\x00\x11"},
	} {
		c.send(exchange.send)
		if f := c.next(exchange.answer); string(f.Body) != exchange.body {
			t.Errorf("%v: got % x, want % x", exchange.answer, f.Body, exchange.body)
		}
	}
}

func TestWithoutAMaximumNoTopicAliasIsTaken(t *testing.T) { // [MQTT-3.2.2-18]
	cfg := Defaults()
	cfg.MaxTopicAliases = 0
	_, addr := start(t, cfg)
	c := dial(t, addr, packet.V5, "a")
	if c.told.Number(packet.TopicAliasMaximum) != 0 {
		t.Error("one is told")
	}
	m := text("t", "x", 0)
	c.send((&packet.Outgoing{Message: &m, Alias: 1}).Append(nil, packet.V5))
	c.disconnected(packet.TopicAliasInvalid)
}

func TestWillsKeepTheirUserProperties(t *testing.T) { // [MQTT-3.1.3-10] [MQTT-3.1.2-7]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		p := withWill(packet.V5, 30, 1000)
		p.Will.Message.UserProperties = []mqtt.UserProperty{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "0"}, {}}
		b.dial(t, p).cut()
		c := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "b"})
		_ = c.conn.SetDeadline(time.Time{})
		c.subscribe("w", 1)
		if got := c.receive(); !slices.Equal(got.UserProperties, p.Will.Message.UserProperties) {
			t.Errorf("got %q", got.UserProperties)
		}
	})
}

func TestWillsAreRetainedWhereTheySaySo(t *testing.T) { // [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-14] [MQTT-3.1.2-15]
	for name, v := range both {
		for _, retain := range []bool{false, true} {
			t.Run(fmt.Sprint(name, retain), func(t *testing.T) {
				s, addr := start(t, Defaults())
				witness := dial(t, addr, v, "witness")
				witness.subscribe("w", 2)
				will := text("w", "gone", 2)
				will.Retain = retain
				dialAs(t, addr, packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Message: will}}).cut()
				if got := witness.receive(); string(got.Payload) != "gone" || got.QoS != 2 || got.Retain {
					t.Errorf("got %+v", got)
				}
				witness.ping() // and no second one
				if _, kept := s.retained.Get("w"); kept != retain {
					t.Errorf("retained: %v", kept)
				}
			})
		}
	}
}

func TestWithoutAWillNothingIsPublished(t *testing.T) { // 3.1.1 [MQTT-3.1.2-12]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			witness := dial(t, addr, v, "witness")
			witness.subscribe("#", 0)
			dial(t, addr, v, "a").cut()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			witness.ping()
		})
	}
}

func TestRetainedMessagesOutliveTheSession(t *testing.T) { // 3.1.1 [MQTT-3.1.2-7]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			p := dial(t, addr, v, "p")
			p.publish(retained("t", "x"))
			p.leave()
			waitFor(t, "end of the session", func() bool { return away(s, "p") })
			c := dial(t, addr, v, "c")
			c.subscribe("t", 1)
			c.texts(1)
		})
	}
}
