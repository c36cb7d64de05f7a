package broker

import (
	"io"
	"net"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// BenchmarkFanOut delivers one message to fifty subscribers in this machine's
// own sockets; an operation is one delivery.
func BenchmarkFanOut(b *testing.B) {
	for _, qos := range []mqtt.QoS{0, 1} {
		b.Run([]string{"QoS 0", "QoS 1"}[qos], func(b *testing.B) {
			const receivers = 50
			cfg := Defaults()
			cfg.MaxQueued = 1_000_000
			s, addr := start(b, cfg)
			done := make(chan int, receivers)
			for range receivers {
				c := dial(b, addr, packet.V5, "")
				_ = c.conn.SetDeadline(time.Time{})
				c.subscribe("t", qos)
				go func() { done <- drain(c) }()
			}
			m := mqtt.Message{Topic: "t", Payload: make([]byte, 256), QoS: qos}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N/receivers + 1 {
				if err := s.Publish(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Publish(b.Context(), mqtt.Message{Topic: "t", QoS: 1, Payload: []byte("end")}); err != nil {
				b.Fatal(err)
			}
			for range receivers {
				<-done
			}
		})
	}
}

// drain reads and acknowledges until the message "end" comes.
func drain(c *client) (n int) {
	var answer []byte
	var p packet.Publish
	for {
		f, err := c.reader.Next()
		if err != nil {
			return n
		}
		if f.Type() != packet.PUBLISH || p.Decode(c.version, f) != nil {
			continue
		}
		n++
		if p.QoS == 1 {
			answer = packet.AppendAck(answer, c.version, packet.PUBACK, p.ID, packet.Success)
		}
		end := string(p.Payload) == "end"
		if !c.reader.Buffered() || end {
			_, _ = c.conn.Write(answer) // the reader would see it
			answer = answer[:0]
		}
		if end {
			return n
		}
	}
}

// BenchmarkCarry is the way of one message from its decoded form onto the lines
// of ten clients, without their sockets.
func BenchmarkCarry(b *testing.B) {
	s := New(Defaults(), quiet())
	for range 10 {
		near, far := net.Pipe()
		b.Cleanup(func() { _ = near.Close() })
		go func() { _, _ = io.Copy(io.Discard, near) }()
		c := s.newConn(far, newRoster(ListenerOptions{}))
		c.version, c.maxPacket, c.quota = packet.V5, packet.MaxPacket, 1
		c.session = s.newSession("", false)
		c.session.conn = c
		s.tree.Subscribe(c.session, "device/+/voltage", tree.Options{})
	}
	k := &courier{server: s}
	m := mqtt.Message{Topic: "device/meter-1/voltage", Payload: []byte("230.1")}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		k.carry(m, nil, nil, now)
		for _, l := range k.lines {
			l.buf, l.awaited = l.buf[:0], false
		}
		k.lines = k.lines[:0]
	}
}
