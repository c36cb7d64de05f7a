package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// patience is how long the broker may take for anything.
const patience = 20 * time.Second

// link is one network connection of a client.
type link struct {
	conn    net.Conn
	version packet.Version
	number  int // of the client's connections
	reader  *packet.Reader
	deaf    atomic.Bool   // does not read for a moment
	done    chan struct{} // closed when the reader has ended
	reason  packet.Reason // of the broker's DISCONNECT
	topics  map[uint32]string
	quota   int                 // receive maximum; 0: any
	open    map[uint16]struct{} // what the broker has in flight here
	acks    []byte              // for what one read has brought

	mu  sync.Mutex // one packet after the other
	out []byte
}

// dialLink connects and returns what CONNACK said.
func dialLink(addr string, number int, hello packet.Connect) (*link, *packet.Connack, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, nil, err
	}
	l := &link{
		conn: conn, version: hello.Version, number: number, reader: packet.NewReader(conn, packet.MaxPacket),
		done: make(chan struct{}), quota: int(hello.Properties.Number(packet.ReceiveMaximum)), topics: map[uint32]string{}, open: map[uint16]struct{}{},
	}
	ack, err := l.hello(hello)
	if err != nil {
		_ = conn.Close() // it is of no use
		return nil, nil, fmt.Errorf("connect %s: %w", hello.ClientID, err)
	}
	return l, ack, nil
}

func (l *link) hello(hello packet.Connect) (*packet.Connack, error) {
	_ = l.conn.SetDeadline(time.Now().Add(patience)) // a closed connection fails below
	if _, err := l.conn.Write(hello.Append(nil)); err != nil {
		return nil, err
	}
	f, err := l.reader.Next()
	if err != nil {
		return nil, err
	}
	if f.Type() != packet.CONNACK {
		return nil, fmt.Errorf("%v instead of CONNACK", f.Type())
	}
	var ack packet.Connack
	if err := ack.Decode(l.version, f.Body); err != nil {
		return nil, err
	}
	if ack.Reason != packet.Success {
		return nil, fmt.Errorf("refused: %v", ack.Reason)
	}
	return &ack, l.conn.SetDeadline(time.Time{})
}

// send writes a packet at once. A connection that is gone is noticed by its
// reader.
func (l *link) send(write func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = write(l.out[:0])
	_, _ = l.conn.Write(l.out)
}

// ack puts an acknowledgement to those that read sends.
func (l *link) ack(t packet.Type, id uint16) {
	l.acks = packet.AppendAck(l.acks, l.version, t, id, packet.Success)
	if t == packet.PUBACK || t == packet.PUBCOMP {
		delete(l.open, id)
	}
}

// topic is the topic of a PUBLISH that may use an alias.
func (l *link) topic(p *packet.Publish) (string, error) {
	if !p.Properties.Has(packet.TopicAlias) {
		return string(p.Topic), nil
	}
	alias := p.Properties.Number(packet.TopicAlias)
	if len(p.Topic) > 0 {
		l.topics[alias] = string(p.Topic)
	}
	if l.topics[alias] == "" {
		return "", fmt.Errorf("topic alias %d was never told", alias)
	}
	return l.topics[alias], nil
}

// cut breaks the connection: hard, so that what is under way is lost, or not.
func (l *link) cut(hard bool) {
	if tcp, ok := l.conn.(*net.TCPConn); ok && hard {
		_ = tcp.SetLinger(0) // a connection that is gone needs none
	}
	_ = l.conn.Close()
	<-l.done
}

// awaitEnd waits until the broker has closed the connection.
func (l *link) awaitEnd() error {
	select {
	case <-l.done:
		return nil
	case <-time.After(patience):
		tellStacks()
		return fmt.Errorf("connection %d is still open", l.number)
	}
}

// read hands frames over until the connection ends.
func (l *link) read(handle func(packet.Frame) error) error {
	defer close(l.done)
	for {
		for l.deaf.Load() {
			time.Sleep(time.Millisecond)
		}
		f, err := l.reader.Next()
		if err != nil {
			var fault *packet.Error
			if errors.As(err, &fault) {
				return fault
			}
			return nil // the connection has ended
		}
		if err := handle(f); err != nil {
			return err
		}
		if !l.reader.Buffered() && len(l.acks) > 0 {
			l.send(func(buf []byte) []byte { return append(buf, l.acks...) })
			l.acks = l.acks[:0]
		}
	}
}

func appendPublish(buf []byte, v packet.Version, m *message, id uint16, dup bool) []byte {
	out := packet.Outgoing{
		Message: &mqtt.Message{Topic: m.topic, Payload: []byte(m.payload)},
		Dup:     dup, QoS: m.qos, Retain: m.retain, ID: id,
	}
	return out.Append(buf, v)
}
