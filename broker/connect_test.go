package broker

import (
	"net"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/configs"
)

func TestFirstPacketMustBeConnect(t *testing.T) { // [MQTT-3.1.0-1] [MQTT-3.14.0-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := open(t, addr, v)
			c.send(packet.AppendPing(nil, packet.PINGREQ))
			c.closed()
		})
	}
}

func TestSecondConnectEndsTheConnection(t *testing.T) { // [MQTT-3.1.0-2] [MQTT-3.2.0-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.send((&packet.Connect{Version: v, CleanStart: true, ClientID: "a"}).Append(nil))
			c.disconnected(packet.ProtocolError)
		})
	}
}

func TestUnknownVersionsAreRefused(t *testing.T) { // [MQTT-3.1.2-2], 3.1.1 [MQTT-3.1.2-2]
	_, addr := start(t, Defaults())
	for _, level := range []byte{0, 3, 6, 200} {
		c := open(t, addr, packet.V311)
		if level > 5 {
			c.version = packet.V5
		}
		c.send([]byte("\x10\x0d\x00\x04MQTT" + string([]byte{level}) + "\x02\x00\x00\x00\x00\x00"))
		if r := c.connack(); r != packet.UnsupportedVersion {
			t.Errorf("level %d: %v", level, r)
		}
		c.closed()
	}
}

func TestOtherProtocolNamesAreCut(t *testing.T) { // [MQTT-3.1.2-1], 3.1.1 [MQTT-3.1.2-1]
	_, addr := start(t, Defaults())
	for _, rest := range []string{"\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00", "\x0d\x00\x04HTTP\x05\x02\x00\x00\x00\x00\x00"} {
		c := open(t, addr, packet.V5)
		c.send([]byte("\x10" + rest))
		c.closed()
	}
}

func TestMalformedConnectIsAnsweredInItsVersion(t *testing.T) { // [MQTT-3.1.4-1]
	_, addr := start(t, Defaults())
	c := open(t, addr, packet.V5)
	c.send([]byte("\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00")) // the reserved flag [MQTT-3.1.2-3]
	if r := c.connack(); r != packet.Malformed {
		t.Errorf("got %v", r)
	}
	c.closed()
	// A maximum packet size that is a fault limits nothing.
	for rest, want := range map[string]packet.Reason{
		"\x12\x00\x04MQTT\x05\x02\x00\x00\x05\x27\x00\x00\x00\x00\x00\x00": packet.ProtocolError,
		"\x0e\x00\x04MQTT\x05\x02\x00\x00\x01\x27\x00\x00":                 packet.Malformed,
	} {
		c = open(t, addr, packet.V5)
		c.send([]byte("\x10" + rest))
		if r := c.connack(); r != want {
			t.Errorf("got %v, want %v", r, want)
		}
		c.closed()
	}
	c = open(t, addr, packet.V311)
	c.send([]byte("\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00"))
	c.closed()
}

func TestClientWithoutNameGetsOne(t *testing.T) { // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
	_, addr := start(t, Defaults())
	a, b := dial(t, addr, packet.V5, ""), dial(t, addr, packet.V5, "")
	one, two := a.told.Text(packet.AssignedClientID), b.told.Text(packet.AssignedClientID)
	if one == "" || one == two {
		t.Errorf("%q and %q", one, two)
	}
	dial(t, addr, packet.V311, "").ping()
}

func TestNamelessClientOf311NeedsACleanSession(t *testing.T) { // 3.1.1 [MQTT-3.1.3-7], 3.1.1 [MQTT-3.1.3-8]
	_, addr := start(t, Defaults())
	c := open(t, addr, packet.V311)
	c.send((&packet.Connect{Version: packet.V311}).Append(nil))
	if r := c.connack(); r != packet.ClientIDInvalid {
		t.Errorf("got %v", r)
	}
	c.closed()
}

func TestAuthenticationMethodsAreRefused(t *testing.T) { // [MQTT-4.12.0-1] [MQTT-4.12.0-4]
	_, addr := start(t, Defaults())
	p := packet.Connect{Version: packet.V5, CleanStart: true}
	p.Properties.SetText(packet.AuthMethod, "SCRAM-SHA-1")
	c := open(t, addr, packet.V5)
	c.send(p.Append(nil))
	if r := c.connack(); r != packet.BadAuthMethod {
		t.Errorf("got %v", r)
	}
	c.closed()
}

func TestAuthWithoutAMethodIsAProtocolError(t *testing.T) { // [MQTT-4.12.0-6] [MQTT-4.12.0-7] [MQTT-4.12.1-2]
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	if c.told.Has(packet.AuthMethod) {
		t.Error("CONNACK names a method")
	}
	c.send(packet.AppendAuth(nil, packet.Reauthenticate, nil))
	c.disconnected(packet.ProtocolError)
}

func TestStrangersStayOutsideWhereAnonymousIsOff(t *testing.T) {
	s, _ := start(t, Defaults())
	addr := listen(t, s, ListenerOptions{Name: "closed"})
	for _, c := range []struct {
		user string
		v    packet.Version
		want packet.Reason
	}{
		{"", packet.V311, packet.NotAuthorized}, {"", packet.V5, packet.NotAuthorized},
		{"u", packet.V311, packet.BadUserOrPassword}, {"u", packet.V5, packet.BadUserOrPassword},
	} {
		raw := open(t, addr, c.v)
		p := packet.Connect{Version: c.v, CleanStart: true, ClientID: "a", User: c.user, HasUser: c.user != ""}
		raw.send(p.Append(nil))
		if r := raw.connack(); r != c.want {
			t.Errorf("user %q: got %v, want %v", c.user, r, c.want)
		}
		raw.closed()
	}
}

func TestNewConnectionTakesTheSessionOver(t *testing.T) { // [MQTT-3.1.4-3] [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			old := dialAs(t, addr, lasting(v, "a"))
			old.subscribe("t", 1)
			taker := dialAs(t, addr, lasting(v, "a"))
			old.disconnected(packet.TakenOver)
			if !taker.present {
				t.Error("the session is not present") // [MQTT-3.2.2-3]
			}
			dial(t, addr, v, "b").publish(text("t", "x", 1))
			if got := string(taker.receive().Payload); got != "x" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestCleanStartForgetsTheSession(t *testing.T) { // [MQTT-3.1.2-4] [MQTT-3.1.4-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			old := dialAs(t, addr, lasting(v, "a"))
			old.subscribe("t", 1)
			old.leave()
			if c := dial(t, addr, v, "a"); c.present { // [MQTT-3.2.2-2]
				t.Error("the session is present")
			}
			if n := s.tree.Len(); n != 0 {
				t.Errorf("%d subscriptions", n)
			}
		})
	}
}

func TestLimitsAreTold(t *testing.T) {
	cfg := Defaults()
	cfg.MaxKeepAlive = configs.Duration(time.Minute)
	cfg.MaxSessionExpiry = configs.Duration(time.Hour)
	_, addr := start(t, cfg)
	p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a", KeepAlive: 61}
	p.Properties.SetNumber(packet.SessionExpiry, 0xffffffff)
	c := dialAs(t, addr, p)
	for id, want := range map[packet.PropertyID]int{
		packet.ServerKeepAlive: 60, packet.SessionExpiry: 3600, packet.ReceiveMaximum: cfg.ReceiveMaximum,
		packet.MaximumPacketSize: cfg.MaxPacketSize, packet.TopicAliasMaximum: cfg.MaxTopicAliases,
	} {
		if got := int(c.told.Number(id)); got != want {
			t.Errorf("property %d: got %d, want %d", id, got, want)
		}
	}
}

func TestOneClientTooManyIsTold(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.MaxConnections = 2
			_, addr := start(t, cfg)
			a, _ := dial(t, addr, v, "a"), dial(t, addr, v, "b")
			want := packet.QuotaExceeded
			if v == packet.V311 {
				want = packet.ServerUnavailable
			}
			c := open(t, addr, v)
			c.send((&packet.Connect{Version: v, CleanStart: true, ClientID: "c"}).Append(nil))
			if r := c.connack(); r != want {
				t.Errorf("got %v", r)
			}
			c.closed()
			a.leave()
			dial(t, addr, v, "c").ping()
		})
	}
}

func TestServerSaysGoodbye(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s := New(Defaults(), quiet())
			stop, addr := serve(t, s)
			c := dial(t, addr, v, "a")
			stop()
			c.disconnected(packet.ShuttingDown)
		})
	}
}

func TestMalformedPacketsEndTheConnectionWithTheirReason(t *testing.T) { // [MQTT-4.13.1-1] [MQTT-3.2.2-15] [MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.4-6] [MQTT-3.8.3-4]
	for _, c := range []struct {
		name  string
		bytes string
		want  packet.Reason
	}{
		{"reserved packet type", "\x00\x00", packet.Malformed},
		{"reserved flags", "\x80\x00", packet.Malformed},
		{"remaining length of five bytes", "\x30\xff\xff\xff\xff\x01", packet.Malformed},
		{"topic with a wildcard", "\x30\x04\x00\x01#\x00", packet.ProtocolError},
		{"topic alias beyond the maximum", "\x30\x07\x00\x01a\x03\x23\xff\xff", packet.TopicAliasInvalid},
		{"unknown topic alias", "\x30\x06\x00\x00\x03\x23\x00\x01", packet.ProtocolError},
		{"subscription identifier from a client", "\x30\x06\x00\x01a\x02\x0b\x01", packet.ProtocolError},
		{"SUBSCRIBE without a filter", "\x82\x03\x00\x01\x00", packet.ProtocolError},
		{"no local on a shared subscription", "\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04", packet.ProtocolError},
		{"CONNACK from a client", "\x20\x03\x00\x00\x00", packet.ProtocolError},
		{"PINGRESP from a client", "\xd0\x00", packet.ProtocolError},
		{"PINGREQ with a body", "\xc0\x01\x00", packet.Malformed},
		{"session expiry set at DISCONNECT", "\xe0\x07\x00\x05\x11\x00\x00\x00\x01", packet.ProtocolError},
		{"packet larger than the maximum", "\x30\xff\xff\xff\x7f", packet.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			raw := dial(t, addr, packet.V5, "a")
			raw.send([]byte(c.bytes))
			raw.disconnected(c.want)
		})
	}
}

func TestMalformedPacketsOf311AreCutWithoutAWord(t *testing.T) { // [MQTT-4.13.1-1] [MQTT-3.3.2-2] [MQTT-4.7.0-1]
	for _, bytes := range []string{"\x00\x00", "\x30\x03\x00\x01#", "\x82\x06\x00\x01\x00\x01a\x04", "\xf0\x00", "\xe0\x01\x00"} {
		_, addr := start(t, Defaults())
		raw := dial(t, addr, packet.V311, "a")
		raw.send([]byte(bytes))
		raw.closed()
	}
}

func TestLongNamesWork(t *testing.T) { // [MQTT-4.7.3-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			long := strings.Repeat("t", 65_535)
			c := dial(t, addr, v, strings.Repeat("i", 65_535))
			c.subscribe(mqtt.Filter(long), 0)
			c.send(c.packet(text(long, "x", 0), 0))
			if got := c.receive(); got.Topic != long {
				t.Errorf("a topic of %d bytes", len(got.Topic))
			}
			will := text(long, long, 0)
			dialAs(t, addr, packet.Connect{Version: v, CleanStart: true, ClientID: long, HasUser: true, User: long, HasPassword: true, Password: []byte(long), Will: &packet.Will{Message: will}}).ping()
		})
	}
}

func TestDeepTopicsAreNotKept(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	c.subscribe("#", 0)
	deepest := strings.Repeat("/", maxLevels)
	if r := c.trySubscribe(0, packet.Subscription{Filter: mqtt.Filter(deepest)}, packet.Subscription{Filter: mqtt.Filter(deepest + "/")}); r[0] != 0 || r[1] != packet.QuotaExceeded {
		t.Errorf("got %v", r)
	}
	if r := dial(t, addr, packet.V5, "p").publish(retained(deepest+"/", "x")); r != packet.QuotaExceeded {
		t.Errorf("got %v", r)
	}
}

func TestFiltersTogetherHaveALimit(t *testing.T) {
	cfg := Defaults()
	cfg.MaxSubscriptions = 100
	_, addr := start(t, cfg)
	c := dial(t, addr, packet.V5, "a")
	long := strings.Repeat("x", 60_000)
	want := []packet.Reason{0, packet.QuotaExceeded}
	for i, suffix := range []string{"1", "2"} {
		if r := c.trySubscribe(0, packet.Subscription{Filter: mqtt.Filter(long + suffix)}); r[0] != want[i] {
			t.Errorf("got %v", r)
		}
	}
}

func TestServerEndsAlthoughClientsDoNotRead(t *testing.T) {
	s := New(Defaults(), quiet())
	stop, addr := serve(t, s)
	deaf := dial(t, addr, packet.V5, "deaf")
	deaf.subscribe("t", 0)
	open(t, addr, packet.V5) // says nothing
	for s.Figures().Dropped.Load() == 0 {
		if err := s.Publish(t.Context(), mqtt.Message{Topic: "t", Payload: make([]byte, 64<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

func TestConnectionThatComesTooLateIsClosed(t *testing.T) {
	s := New(Defaults(), quiet())
	r := newRoster(ListenerOptions{})
	r.close()
	near, far := net.Pipe()
	s.serveConn(far, r)
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Error("it is open")
	}
}

func TestLongConnectsHaveLittleRoomTogether(t *testing.T) {
	s, addr := start(t, Defaults())
	s.strangersRoom = 100_000
	long := strings.Repeat("x", 50_000)
	p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a", HasUser: true, User: long, HasPassword: true, Password: []byte(long)}
	all := p.Append(nil)
	first := open(t, addr, packet.V5)
	first.send(all[:90_000])
	waitFor(t, "most of a CONNECT", func() bool { return s.strangers.Load() > 80_000 })
	second := open(t, addr, packet.V5)
	_, _ = second.conn.Write(all[:90_000]) // it may be closed by then
	second.closed()
	dial(t, addr, packet.V5, "short").ping()
	first.send(all[90_000:])
	if r := first.connack(); r != packet.Success {
		t.Errorf("CONNACK: %v", r)
	}
	waitFor(t, "end of what was counted", func() bool { return s.strangers.Load() == 0 })
	first.publish(text("t", long+long, 1))
	if got := s.strangers.Load(); got != 0 {
		t.Errorf("%d bytes of a client's are a stranger's", got)
	}
}
