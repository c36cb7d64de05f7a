package bridge

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho/log"
	"github.com/eclipse/paho.golang/paho/session"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// protocol is the client's half of the MQTT session as the paho client wants
// it managed. It outlives connections. What is under way to the server stands
// in the queue, which sends by itself: here only answers come in.
type protocol struct {
	queue   *queue
	refused func(topic string, r packet.Reason, later bool)
	limits  *Limits
	recall  func()      // what the server must be told again
	moved   func() bool // what is told goes elsewhere than the last time

	mu       sync.Mutex
	conn     io.Writer                               // nil: there is none
	begun    map[uint16]bool                         // QoS 2 from the server, between PUBREC and PUBREL [MQTT-4.3.3-10]; true: since an earlier life
	ledger   ledger                                  // keeps these over restarts; nil: nobody does
	asked    map[uint16]chan<- packets.ControlPacket // SUBSCRIBE
	lastID   uint16
	withheld bool                // the message at hand is not to be acknowledged
	parting  *packets.Disconnect // of the server
}

var _ session.SessionManager = (*protocol)(nil)

// ledger knows what of QoS 2 came from the server, over restarts. *broker.Feed is one.
type ledger interface {
	// Received are the identifiers.
	Received() []uint16
	// Release forgets one.
	Release(ctx context.Context, id uint16)
}

// restore takes up what an earlier life has left.
func (p *protocol) restore(l ledger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger, p.begun = l, map[uint16]bool{}
	for _, id := range l.Received() {
		p.begun[id] = true
	}
}

// mostBegun bounds what a server can make us remember: the receive maximum
// that it was told.
const mostBegun = receiveMaximum

// ConAckReceived takes in what the server allows, and whether it knows us.
func (p *protocol) ConAckReceived(w io.Writer, _ *packets.Connect, ack *packets.Connack) error {
	p.mu.Lock()
	p.conn, p.parting = w, nil
	if p.begun == nil {
		p.begun = map[uint16]bool{}
	}
	over := slices.Sorted(maps.Keys(p.begun))
	p.asked = map[uint16]chan<- packets.ControlPacket{}
	p.mu.Unlock()
	if !ack.SessionPresent {
		for _, id := range over {
			p.forget(id)
		}
	}
	s := allowed(ack.Properties)
	p.limits.bound(&s)
	p.queue.begin(s, ack.SessionPresent)
	if moved := p.moved(); moved || !ack.SessionPresent {
		p.recall()
	}
	return nil
}

// mostWindow is how many messages are under way at most, whatever the server
// allows: more would only be repeated after a loss.
const mostWindow = 1000

// allowed is what a CONNACK says, with the standard's word where it is silent.
// [MQTT-3.2.2.3]
func allowed(p *packets.Properties) server {
	s := server{window: mostWindow, qos: mqtt.ExactlyOnce, retain: true}
	if p.ReceiveMaximum != nil {
		s.window = min(s.window, int(*p.ReceiveMaximum))
	}
	if p.MaximumQOS != nil {
		s.qos = mqtt.QoS(*p.MaximumQOS)
	}
	if p.RetainAvailable != nil {
		s.retain = *p.RetainAvailable == 1
	}
	if p.MaximumPacketSize != nil {
		s.maxPacket = int64(*p.MaximumPacketSize)
	}
	if p.TopicAliasMaximum != nil {
		s.aliases = *p.TopicAliasMaximum
	}
	return s
}

// ConnectionLost forgets what was asked on the connection.
func (p *protocol) ConnectionLost(d *packets.Disconnect) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d != nil {
		p.parting = d
	}
	p.conn = nil
	for id, answer := range p.asked {
		answer <- packets.ControlPacket{} // has room, and is used once
		delete(p.asked, id)
	}
	return nil
}

// AddToSession numbers a SUBSCRIBE.
func (p *protocol) AddToSession(_ context.Context, s session.Packet, answer chan<- packets.ControlPacket) error {
	if s.Type() != packets.SUBSCRIBE {
		return errors.New("only SUBSCRIBE is sent this way")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return session.ErrNoConnection
	}
	p.lastID++
	id := mostIDs + 1 + p.lastID%5000
	if p.asked[id] != nil {
		return session.ErrPacketIdentifiersExhausted
	}
	p.asked[id] = answer
	s.SetIdentifier(id)
	return nil
}

// PacketReceived takes in what has a packet identifier. A message goes to the
// channel, which has room for as many as the server may send.
func (p *protocol) PacketReceived(in *packets.ControlPacket, messages chan<- *packets.Publish) error {
	switch c := in.Content.(type) {
	case *packets.Publish:
		if c.QoS == byte(mqtt.ExactlyOnce) && !p.begin(c.PacketID, c.Duplicate) {
			return p.write(&packets.Pubrec{PacketID: c.PacketID})
		}
		messages <- c
	case *packets.Puback:
		p.settle(c.PacketID, c.ReasonCode)
	case *packets.Pubcomp:
		p.settle(c.PacketID, c.ReasonCode)
	case *packets.Pubrec:
		return p.received(c)
	case *packets.Pubrel:
		p.forget(c.PacketID)
		return p.write(&packets.Pubcomp{PacketID: c.PacketID})
	case *packets.Suback:
		p.mu.Lock()
		answer := p.asked[c.PacketID]
		delete(p.asked, c.PacketID)
		p.mu.Unlock()
		if answer != nil {
			answer <- *in
		}
	}
	return nil
}

// begin says whether a message of QoS 2 is a new one. After a power cut an identifier
// may be remembered that the server has used up: what is new says so. [MQTT-3.3.1-1]
func (p *protocol) begin(id uint16, again bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if earlier, known := p.begun[id]; known && (again || !earlier) {
		return false
	}
	if len(p.begun) < mostBegun {
		p.begun[id] = false
	}
	return true
}

// forget forgets a message of QoS 2.
func (p *protocol) forget(id uint16) {
	p.mu.Lock()
	_, known := p.begun[id]
	delete(p.begun, id)
	p.mu.Unlock()
	if known && p.ledger != nil {
		p.ledger.Release(context.Background(), id) // which waits for a write at most
	}
}

func (p *protocol) settle(id uint16, code byte) {
	r := packet.Reason(code)
	if topic, later := p.queue.acknowledge(id, r, time.Now()); topic != "" {
		p.refused(topic, r, later)
	}
}

func (p *protocol) received(c *packets.Pubrec) error {
	if packet.Reason(c.ReasonCode).Failed() {
		p.settle(c.PacketID, c.ReasonCode)
		return nil
	}
	if !p.queue.received(c.PacketID) {
		return nil
	}
	return p.write(&packets.Pubrel{PacketID: c.PacketID})
}

// Ack acknowledges a message once it was handed on, unless that failed: the
// server sends it again then, on the next connection.
func (p *protocol) Ack(m *packets.Publish) error {
	p.mu.Lock()
	withheld := p.withheld
	p.withheld = false
	p.mu.Unlock()
	switch {
	case withheld:
		if m.QoS == byte(mqtt.ExactlyOnce) {
			p.forget(m.PacketID)
		}
	case m.QoS == byte(mqtt.AtLeastOnce):
		return p.write(&packets.Puback{PacketID: m.PacketID})
	case m.QoS == byte(mqtt.ExactlyOnce):
		return p.write(&packets.Pubrec{PacketID: m.PacketID})
	}
	return nil
}

// withhold keeps the message at hand from being acknowledged.
func (p *protocol) withhold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withheld = true
}

// write sends a packet, if there is still a connection.
func (p *protocol) write(out io.WriterTo) error {
	p.mu.Lock()
	w := p.conn
	p.mu.Unlock()
	if w == nil {
		return session.ErrNoConnection
	}
	_, err := out.WriteTo(w)
	return err
}

// parted is the server's DISCONNECT, if it sent one.
func (p *protocol) parted() (*refusal, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parting == nil {
		return nil, false
	}
	r := &refusal{packet: "DISCONNECT", reason: packet.Reason(p.parting.ReasonCode)}
	if p.parting.Properties != nil {
		r.text = p.parting.Properties.ReasonString
	}
	return r, true
}

// Close implements session.SessionManager.
func (*protocol) Close() error { return nil }

// SetErrorLogger implements session.SessionManager.
func (*protocol) SetErrorLogger(log.Logger) {}

// SetDebugLogger implements session.SessionManager.
func (*protocol) SetDebugLogger(log.Logger) {}
