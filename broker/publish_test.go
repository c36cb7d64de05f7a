package broker

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

func TestMessagesArriveWithTheLowerQoS(t *testing.T) { // [MQTT-3.8.4-8]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			for sub := range mqtt.QoS(3) {
				for pub := range mqtt.QoS(3) {
					r, p := dial(t, addr, v, "r"), dial(t, addr, v, "p")
					r.subscribe("t", sub)
					p.publish(text("t", "x", pub))
					if got := r.receive(); got.QoS != min(sub, pub) || got.dup || got.Retain {
						t.Errorf("published %d, subscribed %d: got %+v", pub, sub, got)
					}
					r.ping()
				}
			}
		})
	}
}

func TestPropertiesAreForwardedUnchanged(t *testing.T) { // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
	_, addr := start(t, Defaults())
	r, p := dial(t, addr, packet.V5, "r"), dial(t, addr, packet.V5, "p")
	r.subscribe("t", 2)
	for _, want := range []mqtt.Message{
		{Topic: "t", Payload: []byte("x"), QoS: 1, UTF8: true, ContentType: "text/plain", ResponseTopic: "r",
			CorrelationData: []byte{0, 255}, UserProperties: []mqtt.UserProperty{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "1"}}},
		{Topic: "t", Payload: []byte{}, QoS: 2, CorrelationData: []byte{}},
		{Topic: "t", Payload: []byte{255}, Bytes: true},
		{Topic: "t", Payload: []byte("y"), Expiry: 100 * time.Second},
		text("t", "nothing added", 0),
	} {
		p.publish(want)
		if got := r.receive().Message; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestOneMessageServesBothVersions(t *testing.T) {
	_, addr := start(t, Defaults())
	old, young := dial(t, addr, packet.V311, "old"), dial(t, addr, packet.V5, "young")
	old.subscribe("t", 1)
	young.subscribe("t", 1)
	m := text("t", "x", 1)
	m.ContentType = "text/plain"
	dial(t, addr, packet.V5, "p").publish(m)
	if got := old.receive(); string(got.Payload) != "x" || got.ContentType != "" {
		t.Errorf("got %+v", got)
	}
	if got := young.receive(); string(got.Payload) != "x" || got.ContentType != "text/plain" {
		t.Errorf("got %+v", got)
	}
}

func TestNobodyListeningIsTold(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	for _, qos := range []mqtt.QoS{1, 2} {
		c.send(c.packet(text("t", "x", qos), 1))
		want := map[mqtt.QoS]packet.Type{1: packet.PUBACK, 2: packet.PUBREC}[qos]
		told := map[mqtt.QoS]packet.Reason{1: packet.NoMatching, 2: packet.Success}[qos]
		if r := c.ack(want, 1); r != told {
			t.Errorf("QoS %d: %v", qos, r)
		}
	}
}

func TestMessageOfQoS2ArrivesOnce(t *testing.T) { // [MQTT-4.3.3-10]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			r, p := dial(t, addr, v, "r"), dialAs(t, addr, lasting(v, "p"))
			r.subscribe("t", 2)
			publish := p.packet(text("t", "x", 2), 5)
			p.send(publish)
			p.ack(packet.PUBREC, 5)
			p.cut()
			p = dialAs(t, addr, lasting(v, "p"))
			publish[0] |= 8 // DUP
			p.send(publish)
			p.ack(packet.PUBREC, 5)
			p.sendAck(packet.PUBREL, 5)
			p.ack(packet.PUBCOMP, 5)
			p.send(publish) // the identifier is free: a new message [MQTT-4.3.3-12]
			p.ack(packet.PUBREC, 5)
			if got := r.texts(2); !slices.Equal(got, []string{"x", "x"}) {
				t.Errorf("got %q", got)
			}
			r.ping()
		})
	}
}

func TestUnknownPubrelIsAnswered(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	c.sendAck(packet.PUBREL, 9)
	if r := c.ack(packet.PUBCOMP, 9); r != packet.IDNotFound {
		t.Errorf("got %v", r)
	}
	c.sendAck(packet.PUBREC, 9)
	if r := c.ack(packet.PUBREL, 9); r != packet.IDNotFound {
		t.Errorf("got %v", r)
	}
	old := dial(t, addr, packet.V311, "b")
	old.sendAck(packet.PUBREL, 9)
	old.ack(packet.PUBCOMP, 9)
}

func TestRefusedPubrecEndsTheDelivery(t *testing.T) { // [MQTT-4.3.3-4]
	_, addr := start(t, Defaults())
	p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"}
	p.Properties.SetNumber(packet.ReceiveMaximum, 1)
	r := dialAs(t, addr, p)
	r.subscribe("t", 2)
	pub := dial(t, addr, packet.V5, "p")
	pub.publish(text("t", "1", 2))
	pub.publish(text("t", "2", 2))
	first := r.take()
	r.send(packet.AppendAck(nil, packet.V5, packet.PUBREC, first.id, packet.Unspecified))
	if got := string(r.receive().Payload); got != "2" {
		t.Errorf("got %q", got)
	}
}

func TestReceiveMaximumOfTheClientHolds(t *testing.T) { // [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]
	_, addr := start(t, Defaults())
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"}
	connect.Properties.SetNumber(packet.ReceiveMaximum, 2)
	r := dialAs(t, addr, connect)
	r.subscribe("t", 2)
	p := dial(t, addr, packet.V5, "p")
	for i := range 5 {
		p.publish(text("t", fmt.Sprint(i), 1+mqtt.QoS(i%2)))
	}
	first, second := r.take(), r.take()
	r.ping() // and no third
	r.sendAck(packet.PUBREC, second.id)
	r.ack(packet.PUBREL, second.id)
	r.ping() // PUBREC does not make room
	r.sendAck(packet.PUBACK, first.id)
	r.sendAck(packet.PUBCOMP, second.id)
	if got := r.texts(3); !slices.Equal(got, []string{"2", "3", "4"}) {
		t.Errorf("got %q", got)
	}
}

func TestReceiveMaximumOfTheServerHolds(t *testing.T) { // [MQTT-3.3.4-7]
	cfg := Defaults()
	cfg.ReceiveMaximum = 2
	_, addr := start(t, cfg)
	c := dial(t, addr, packet.V5, "a")
	for id := uint16(1); id <= 3; id++ {
		c.send(c.packet(text("t", "x", 2), id))
	}
	c.ack(packet.PUBREC, 1)
	c.ack(packet.PUBREC, 2)
	c.disconnected(packet.ReceiveMaxExceeded)
}

func TestMaximumPacketSizeOfTheClientHolds(t *testing.T) { // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
	_, addr := start(t, Defaults())
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"}
	connect.Properties.SetNumber(packet.MaximumPacketSize, 30)
	connect.Properties.SetNumber(packet.ReceiveMaximum, 1)
	r := dialAs(t, addr, connect)
	r.subscribeAs(5, packet.Subscription{Filter: "t", QoS: 1}) // encoded for it alone
	r.subscribe("u", 1)                                        // encoded for all
	p := dial(t, addr, packet.V5, "p")
	for _, topic := range []string{"t", "u"} {
		p.publish(text(topic, "a payload that is too long for that client", 1))
		p.publish(text(topic, "short", 1))
		if got := string(r.receive().Payload); got != "short" {
			t.Errorf("got %q", got)
		}
		r.ping() // it has room again, so the next message takes the short way
	}
}

func TestClientsTopicAliasesAreUnderstood(t *testing.T) { // [MQTT-3.3.2-7] [MQTT-3.3.2-12]
	_, addr := start(t, Defaults())
	r, p := dial(t, addr, packet.V5, "r"), dial(t, addr, packet.V5, "p")
	r.subscribe("#", 0)
	send := func(topic string, alias uint16, known bool) {
		m := text(topic, "x", 0)
		out := packet.Outgoing{Message: &m, Alias: alias, NoTopic: known}
		p.send(out.Append(nil, packet.V5))
	}
	send("one", 1, false)
	send("", 1, true)
	send("two", 1, false)
	send("", 1, true)
	for _, want := range []string{"one", "one", "two", "two"} {
		if got := r.receive(); got.Topic != want || got.alias != 0 {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

func TestTopicAliasesGoToClientsThatTakeThem(t *testing.T) { // [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]
	_, addr := start(t, Defaults())
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"}
	connect.Properties.SetNumber(packet.TopicAliasMaximum, 1)
	r := dialAs(t, addr, connect)
	r.subscribe("#", 0)
	p := dial(t, addr, packet.V5, "p")
	for _, topic := range []string{"a", "a", "b", "a"} {
		p.publish(text(topic, "x", 0))
	}
	for i, want := range []got{{Message: text("a", "x", 0), alias: 1}, {Message: text("", "x", 0), alias: 1}, {Message: text("b", "x", 0)}, {Message: text("", "x", 0), alias: 1}} {
		if got := r.receive(); got.Topic != want.Topic || got.alias != want.alias {
			t.Errorf("%d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestOrderIsKept(t *testing.T) { // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
	for name, v := range both {
		for qos := range mqtt.QoS(3) {
			t.Run(fmt.Sprintf("%s QoS %d", name, qos), func(t *testing.T) {
				_, addr := start(t, Defaults())
				r, p := dial(t, addr, v, "r"), dial(t, addr, v, "p")
				r.subscribe("t", qos)
				const n = 500
				go func() { // faster than acknowledgements come
					var all []byte
					for i := range n {
						all = append(all, p.packet(text("t", fmt.Sprint(i), qos), uint16(i+1))...)
					}
					_, _ = p.conn.Write(all) // the reader would see it
				}()
				for i := range n {
					if got := string(r.receive().Payload); got != fmt.Sprint(i) {
						t.Fatalf("got %s, want %d", got, i)
					}
				}
			})
		}
	}
}

func TestQoS0DoesNotOvertakeWhatWaits(t *testing.T) {
	_, addr := start(t, Defaults())
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"}
	connect.Properties.SetNumber(packet.ReceiveMaximum, 1)
	r, p := dialAs(t, addr, connect), dial(t, addr, packet.V5, "p")
	r.subscribe("t", 1)
	for i, qos := range []mqtt.QoS{1, 1, 0} {
		p.publish(text("t", fmt.Sprint(i), qos))
	}
	if got := r.texts(3); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("got %q", got)
	}
}

func TestLargeBatchArrivesWhole(t *testing.T) {
	s, addr := start(t, Defaults())
	r := dial(t, addr, packet.V5, "r")
	r.subscribe("t", 0)
	batch := make([]mqtt.Message, 900)
	for i := range batch {
		batch[i] = mqtt.Message{Topic: "t", Payload: fmt.Appendf(nil, "%0300d", i)} // together more than lineFull
	}
	if err := s.Publish(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	for i := range batch {
		if got := string(r.receive().Payload); got != string(batch[i].Payload) {
			t.Fatalf("%d: got %q", i, got)
		}
	}
}

func TestServersOwnTopicsAreNotForClients(t *testing.T) {
	_, addr := start(t, Defaults())
	r, p := dial(t, addr, packet.V5, "r"), dial(t, addr, packet.V5, "p")
	r.subscribe("$SYS/#", 0)
	if reason := p.publish(text("$SYS/x", "x", 1)); reason != packet.NotAuthorized {
		t.Errorf("got %v", reason)
	}
	r.ping()
}

// rules lets nobody use topics that begin with "secret".
type rules struct{ NoUsers }

func (rules) MayPublish(_ *Peer, topic string) bool         { return topic[0] != 's' }
func (rules) MaySubscribe(_ *Peer, filter mqtt.Filter) bool { return filter[0] != 's' }

func TestDeniedClientsAreToldInTheirVersion(t *testing.T) { // 3.1.1 [MQTT-3.3.5-2]
	s, addr := start(t, Defaults())
	s.Access = rules{}
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr, v, "a")
			want := map[packet.Version]packet.Reason{packet.V311: packet.Success, packet.V5: packet.NotAuthorized}[v]
			for _, qos := range []mqtt.QoS{1, 2} {
				if r := c.publish(text("secret", "x", qos)); r != want {
					t.Errorf("QoS %d: %v", qos, r)
				}
			}
			want = map[packet.Version]packet.Reason{packet.V311: packet.Unspecified, packet.V5: packet.NotAuthorized}[v]
			if r := c.trySubscribe(0, packet.Subscription{Filter: "secret"}, packet.Subscription{Filter: "open", QoS: 1}); r[0] != want || r[1] != 1 {
				t.Errorf("got %v", r)
			}
		})
	}
}

// Garbage is the dearest part of a small message.
func TestMessageOfQoS0LeavesNoGarbage(t *testing.T) {
	s := New(Defaults(), quiet())
	near, far := net.Pipe()
	defer near.Close()
	c := s.newConn(far, newRoster(ListenerOptions{}))
	c.version, c.maxPacket = packet.V5, packet.MaxPacket
	c.session = s.newSession("", false)
	c.session.conn = c
	s.tree.Subscribe(c.session, "device/+/voltage", tree.Options{})
	buf := publishOf(packet.V5, text("device/meter-1/voltage", "230.1", 0))
	f, _, err := packet.Cut(buf, len(buf))
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if err := c.receive(f); err != nil {
			t.Fatal(err)
		}
		c.line.buf = c.line.buf[:0] // as if it were written
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c.line.sent.publishes == 0 {
		t.Error("nothing is sent")
	}
}
