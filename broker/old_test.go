package broker

import (
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// 3.1 is older than the standard. Devices that speak it are served as
// mosquitto does it: session present and failures of SUBACK are not known yet,
// and PUBREL may carry DUP.
func TestClientsOf31AreServed(t *testing.T) {
	s, addr := start(t, Defaults())
	s.Access = rules{}
	c := dialAs(t, addr, packet.Connect{Version: packet.V31, ClientID: "old", Will: &packet.Will{Message: text("will", "gone", 0)}})
	if r := c.trySubscribe(0, packet.Subscription{Filter: "t", QoS: 2}, packet.Subscription{Filter: "secret", QoS: 1}); r[0] != 2 || r[1] != 0 {
		t.Errorf("SUBACK: %v", r)
	}
	p := dial(t, addr, packet.V5, "p")
	p.subscribe("will", 0)
	for qos := range mqtt.QoS(3) {
		p.publish(text("t", "x", qos))
		if got := c.receive(); got.QoS != qos || string(got.Payload) != "x" {
			t.Errorf("got %+v", got)
		}
	}
	c.send(c.packet(text("u", "x", 2), 5))
	c.ack(packet.PUBREC, 5)
	c.send([]byte("\x6a\x02\x00\x05")) // PUBREL with DUP
	c.ack(packet.PUBCOMP, 5)
	c.cut()
	if got := p.receive(); string(got.Payload) != "gone" {
		t.Errorf("got %+v", got)
	}
	c = dialAs(t, addr, packet.Connect{Version: packet.V31, ClientID: "old"})
	if c.present {
		t.Error("CONNACK tells of a session")
	}
	p.publish(text("t", "kept", 1))
	if got := c.receive(); string(got.Payload) != "kept" {
		t.Errorf("got %+v", got)
	}
}

func TestClientsOf31NeedAName(t *testing.T) {
	_, addr := start(t, Defaults())
	c := open(t, addr, packet.V31)
	c.send((&packet.Connect{Version: packet.V31, CleanStart: true}).Append(nil))
	if r := c.connack(); r != packet.ClientIDInvalid {
		t.Errorf("got %v", r)
	}
	c.closed()
}

func TestOldNameWithOtherVersionsIsRefused(t *testing.T) {
	_, addr := start(t, Defaults())
	for _, level := range []byte{0, 4, 5} {
		c := open(t, addr, packet.V311)
		c.send([]byte("\x10\x0f\x00\x06MQIsdp" + string([]byte{level}) + "\x02\x00\x00\x00\x01a"))
		if r := c.connack(); r != packet.UnsupportedVersion {
			t.Errorf("level %d: %v", level, r)
		}
		c.closed()
	}
}

// A bridge of mosquitto says so by a bit of the version: it wants to know what
// was retained, and would send in circles what it gets back.
func TestBridgesOfMosquittoGetWhatTheyNeed(t *testing.T) {
	for _, v := range []packet.Version{packet.V31, packet.V311} {
		_, addr := start(t, Defaults())
		c := dialAs(t, addr, packet.Connect{Version: v, Bridge: true, CleanStart: true, ClientID: "bridge"})
		c.subscribe("t", 1)
		c.publish(text("t", "own", 1))
		p := dial(t, addr, packet.V5, "p")
		p.publish(retained("t", "kept"))
		if got := c.receive(); !got.Retain || string(got.Payload) != "kept" {
			t.Errorf("version %d: got %+v", v, got)
		}
		c.ping()
	}
}

// A bridge of mosquitto tells of itself below $SYS, where else only the server speaks.
func TestBridgesOfMosquittoSayThatTheyAreUp(t *testing.T) {
	const state = "$SYS/broker/connection/box.up/state"
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			watch := dial(t, addr, packet.V5, "watch")
			watch.subscribe("$SYS/#", 1)
			will := retained(state, "0")
			c := dialAs(t, addr, packet.Connect{Version: v, CleanStart: true, ClientID: "bridge", Will: &packet.Will{Message: will}})
			c.publish(retained(state, "1"))
			c.cut()
			for _, want := range []string{"1", "0"} {
				if got := watch.receive(); got.Topic != state || string(got.Payload) != want {
					t.Errorf("got %+v, want %s", got, want)
				}
			}
			p := open(t, addr, v)
			p.send((&packet.Connect{Version: v, CleanStart: true, ClientID: "liar", Will: &packet.Will{Message: text("$SYS/broker/version", "x", 0)}}).Append(nil))
			if r := p.connack(); r != packet.NotAuthorized {
				t.Errorf("will on a figure: %v", r)
			}
		})
	}
}

func TestWrongAcknowledgementsEndTheConnection(t *testing.T) {
	for name, v := range both {
		for _, each := range []struct {
			what string
			qos  mqtt.QoS
			acks []packet.Type
		}{
			{"PUBREC for QoS 1", 1, []packet.Type{packet.PUBREC}},
			{"PUBCOMP for QoS 1", 1, []packet.Type{packet.PUBCOMP}},
			{"PUBACK for QoS 2", 2, []packet.Type{packet.PUBACK}},
			{"PUBACK after PUBREC", 2, []packet.Type{packet.PUBREC, packet.PUBACK}},
			{"PUBCOMP before PUBREC", 2, []packet.Type{packet.PUBCOMP}},
		} {
			t.Run(name+" "+each.what, func(t *testing.T) {
				_, addr := start(t, Defaults())
				c := dial(t, addr, v, "a")
				c.subscribe("t", 2)
				dial(t, addr, v, "p").publish(text("t", "x", each.qos))
				id := c.take().id
				for i, ack := range each.acks {
					c.sendAck(ack, id)
					if i+1 < len(each.acks) {
						c.ack(packet.PUBREL, id)
					}
				}
				c.disconnected(packet.ProtocolError)
			})
		}
	}
}

// AUTH has no place where CONNECT named no method, whatever it says.
func TestAuthIsAnsweredInEveryState(t *testing.T) { // [MQTT-4.12.0-6]
	_, addr := start(t, Defaults())
	method := packet.Properties{}
	method.SetText(packet.AuthMethod, "PLAIN")
	for _, auth := range []struct {
		packet []byte
		want   packet.Reason
	}{
		{packet.AppendAuth(nil, packet.ContinueAuth, &method), packet.ProtocolError},
		{packet.AppendAuth(nil, packet.Reauthenticate, &method), packet.ProtocolError},
		{packet.AppendAuth(nil, packet.Success, nil), packet.ProtocolError},
		{[]byte("\xf1\x00"), packet.Malformed},
	} {
		c := dial(t, addr, packet.V5, "a")
		c.send(auth.packet)
		c.disconnected(auth.want)
		c = open(t, addr, packet.V5) // before CONNECT there is no version to answer in
		c.send(auth.packet)
		c.closed()
		c = dial(t, addr, packet.V311, "a")
		c.send(auth.packet)
		c.closed()
		// Behind a CONNECT that was refused it is not looked at.
		p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "b", Properties: method}
		c = open(t, addr, packet.V5)
		c.send(append(p.Append(nil), auth.packet...))
		if r := c.connack(); r != packet.BadAuthMethod {
			t.Errorf("got %v", r)
		}
		c.closed()
	}
}

func TestSharedTopicsCannotBePublishedTo(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	if r := c.publish(text("$share/g/t", "x", 1)); r != packet.NotAuthorized {
		t.Errorf("got %v", r)
	}
}

// Who wants nothing of its own is a subscriber all the same.
func TestOwnSubscriberIsOneAlsoWithNoLocal(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	c.subscribeAs(0, packet.Subscription{Filter: "t", QoS: 1, NoLocal: true})
	if r := c.publish(text("t", "x", 1)); r != packet.Success {
		t.Errorf("got %v", r)
	}
	c.ping()
}
