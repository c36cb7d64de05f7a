package broker

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// both are the versions that most tests run for.
var both = map[string]packet.Version{"3.1.1": packet.V311, "5.0": packet.V5}

// client is a client that sends what it is told and looks at each packet.
type client struct {
	testing.TB
	conn    net.Conn
	version packet.Version
	reader  *packet.Reader
	ahead   []packet.Frame    // messages that came before a PUBREL
	unread  *packet.Frame     // the packet after them
	present bool              // what CONNACK said
	told    packet.Properties // what CONNACK said
}

// open opens a connection and sends nothing.
func open(t testing.TB, addr string, v packet.Version) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{TB: t, conn: conn, version: v, reader: packet.NewReader(conn, packet.MaxPacket)}
}

// dial connects with a clean start.
func dial(t testing.TB, addr string, v packet.Version, id string) *client {
	t.Helper()
	return dialAs(t, addr, packet.Connect{Version: v, CleanStart: true, ClientID: id})
}

// dialAs connects.
func dialAs(t testing.TB, addr string, p packet.Connect) *client {
	t.Helper()
	c := open(t, addr, p.Version)
	c.send(p.Append(nil))
	if r := c.connack(); r != packet.Success {
		t.Fatalf("CONNACK: %v", r)
	}
	return c
}

// lasting is a CONNECT of a session that outlives its connection.
func lasting(v packet.Version, id string) packet.Connect {
	p := packet.Connect{Version: v, ClientID: id}
	if v == packet.V5 {
		p.Properties.SetNumber(packet.SessionExpiry, 1000)
	}
	return p
}

func (c *client) send(b []byte) {
	c.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.Fatalf("send: %v", err)
	}
}

// lookAhead puts messages aside until a packet of a type is the next.
func (c *client) lookAhead(want packet.Type) {
	c.Helper()
	for {
		f, err := c.reader.Next()
		if err != nil {
			c.Fatalf("want %v, got %v", want, err)
		}
		f.Body = bytes.Clone(f.Body)
		if f.Type() == want {
			c.unread = &f
			return
		}
		c.ahead = append(c.ahead, f)
	}
}

// read is the next packet.
func (c *client) read(want packet.Type) (f packet.Frame, err error) {
	if c.unread != nil {
		f, c.unread = *c.unread, nil
		return f, nil
	}
	if len(c.ahead) > 0 && want == packet.PUBLISH {
		f, c.ahead = c.ahead[0], c.ahead[1:]
		return f, nil
	}
	return c.reader.Next()
}

// next is the next packet, which must be of a type.
func (c *client) next(want packet.Type) packet.Frame {
	c.Helper()
	f, err := c.read(want)
	if err != nil {
		c.Fatalf("want %v, got %v", want, err)
	}
	if f.Type() != want {
		c.Fatalf("want %v, got %v % x", want, f.Type(), f.Body)
	}
	return f
}

func (c *client) connack() packet.Reason {
	c.Helper()
	var p packet.Connack
	if err := p.Decode(c.version, c.next(packet.CONNACK).Body); err != nil {
		c.Fatal(err)
	}
	c.present, c.told = p.SessionPresent, p.Properties
	return p.Reason
}

// ack is the next packet, an acknowledgement of a type.
func (c *client) ack(want packet.Type, id uint16) packet.Reason {
	c.Helper()
	var p packet.Ack
	if err := p.Decode(c.version, c.next(want)); err != nil {
		c.Fatal(err)
	}
	if p.ID != id {
		c.Fatalf("%v of %d, want %d", want, p.ID, id)
	}
	return p.Reason
}

func (c *client) sendAck(t packet.Type, id uint16) {
	c.Helper()
	c.send(packet.AppendAck(nil, c.version, t, id, packet.Success))
}

func (c *client) subscribe(filter mqtt.Filter, qos mqtt.QoS) {
	c.Helper()
	c.subscribeAs(0, packet.Subscription{Filter: filter, QoS: qos})
}

// subscribeAs subscribes, with a subscription identifier if id is not 0.
func (c *client) subscribeAs(id uint32, subs ...packet.Subscription) {
	c.Helper()
	for _, r := range c.trySubscribe(id, subs...) {
		if r.Failed() {
			c.Fatalf("SUBACK: %v", r)
		}
	}
}

func (c *client) trySubscribe(id uint32, subs ...packet.Subscription) []packet.Reason {
	c.Helper()
	p := packet.Subscribe{ID: 99, Subscriptions: subs}
	if id != 0 {
		p.Properties.AddSubscriptionID(id)
	}
	c.send(p.Append(nil, c.version))
	var ack packet.Suback
	if err := ack.Decode(c.version, c.next(packet.SUBACK)); err != nil || ack.ID != 99 {
		c.Fatalf("SUBACK: %+v, %v", ack, err)
	}
	return ack.Reasons
}

// publish publishes and waits until the server has it.
func (c *client) publish(m mqtt.Message) packet.Reason {
	c.Helper()
	c.send(c.packet(m, 7))
	switch m.QoS {
	case mqtt.AtLeastOnce:
		return c.ack(packet.PUBACK, 7)
	case mqtt.ExactlyOnce:
		if r := c.ack(packet.PUBREC, 7); r.Failed() {
			return r
		}
		c.sendAck(packet.PUBREL, 7)
		return c.ack(packet.PUBCOMP, 7)
	}
	c.ping()
	return packet.Success
}

// packet is a PUBLISH.
func (c *client) packet(m mqtt.Message, id uint16) []byte {
	out := packet.Outgoing{Message: &m, QoS: m.QoS, Retain: m.Retain, ID: id, Expiry: packet.Seconds(m.Expiry)}
	return out.Append(nil, c.version)
}

// ping waits until the server has done all that was sent so far, and so makes
// sure that nothing else came.
func (c *client) ping() {
	c.Helper()
	c.send(packet.AppendPing(nil, packet.PINGREQ))
	c.next(packet.PINGRESP)
}

// got is a PUBLISH that came.
type got struct {
	mqtt.Message
	dup   bool
	id    uint16
	ids   []uint32
	alias uint32
}

// receive is the next packet, a PUBLISH; it is acknowledged.
func (c *client) receive() got {
	c.Helper()
	g := c.take()
	switch g.QoS {
	case mqtt.AtLeastOnce:
		c.sendAck(packet.PUBACK, g.id)
	case mqtt.ExactlyOnce:
		c.sendAck(packet.PUBREC, g.id)
		c.lookAhead(packet.PUBREL)
		c.ack(packet.PUBREL, g.id)
		c.sendAck(packet.PUBCOMP, g.id)
	}
	return g
}

// take is receive without the acknowledgement.
func (c *client) take() got {
	c.Helper()
	var p packet.Publish
	if err := p.Decode(c.version, c.next(packet.PUBLISH)); err != nil {
		c.Fatal(err)
	}
	g := got{
		Message: mqtt.Message{Topic: string(p.Topic), Payload: bytes.Clone(p.Payload), QoS: p.QoS, Retain: p.Retain},
		dup:     p.Dup, id: p.ID, ids: p.Properties.SubscriptionIDs, alias: p.Properties.Number(packet.TopicAlias),
	}
	p.Describe(&g.Message)
	return g
}

// texts are the payloads of the next n messages.
func (c *client) texts(n int) (texts []string) {
	c.Helper()
	for range n {
		texts = append(texts, string(c.receive().Payload))
	}
	return texts
}

// disconnected reads the DISCONNECT that a client of 5.0 gets; both must find
// the connection closed then.
func (c *client) disconnected(want packet.Reason) {
	c.Helper()
	if c.version == packet.V5 {
		var p packet.Disconnect
		if err := p.Decode(c.version, c.next(packet.DISCONNECT)); err != nil || p.Reason != want {
			c.Fatalf("DISCONNECT with %v, %v, want %v", p.Reason, err, want)
		}
		if p.Properties.Has(packet.SessionExpiry) { // [MQTT-3.14.2-2]
			c.Fatal("DISCONNECT with a session expiry")
		}
	}
	c.closed()
}

func (c *client) closed() {
	c.Helper()
	f, err := c.reader.Next()
	var fault net.Error
	if err == nil || errors.As(err, &fault) && fault.Timeout() {
		c.Fatalf("not closed: %v, %v", f, err)
	}
}

// leave disconnects in good order and waits until the server has closed.
func (c *client) leave() {
	c.Helper()
	c.send(packet.AppendDisconnect(nil, c.version, packet.Success, nil))
	c.closed()
}

// cut ends the connection without a word.
func (c *client) cut() { _ = c.conn.Close() }

func text(topic, payload string, qos mqtt.QoS) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: qos}
}
