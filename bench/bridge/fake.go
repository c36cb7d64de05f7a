//go:build linux

package main

import (
	"net"
	"sync"
	"sync/atomic"

	"fieldmq/broker/packet"
)

// fake is a cloud of our own that says no when it is told to, as clouds do whose
// quota is used up. mosquitto cannot be made to.
type fake struct {
	judge   *judge
	ln      net.Listener
	nacking atomic.Bool

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	serving sync.WaitGroup
}

func startFake(j *judge) (*fake, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fake{judge: j, ln: ln, conns: map[net.Conn]struct{}{}}
	f.serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.serving.Go(func() { f.serve(c) })
		}
	})
	return f, nil
}

func (f *fake) addr() string { return f.ln.Addr().String() }

func (f *fake) stop() {
	_ = f.ln.Close() // ends accept
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close() // ends serve
	}
	f.mu.Unlock()
	f.serving.Wait()
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	f.mu.Lock()
	f.conns[c] = struct{}{}
	f.mu.Unlock()
	var out []byte
	for in := packet.NewReader(c, packet.MaxPacket); ; {
		frame, err := in.Next()
		if err != nil {
			return
		}
		if out = f.answer(out, frame); len(out) > 0 && !in.Buffered() {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// answer appends the answer to a packet, if it has one.
func (f *fake) answer(out []byte, frame packet.Frame) []byte {
	switch frame.Type() {
	case packet.CONNECT:
		var ack packet.Connack
		ack.Properties.SetNumber(packet.ReceiveMaximum, 100)
		return ack.Append(out, packet.V5)
	case packet.SUBSCRIBE:
		var p packet.Subscribe
		if p.Decode(packet.V5, frame.Body) == nil {
			return packet.AppendSuback(out, packet.V5, packet.SUBACK, p.ID, make([]packet.Reason, len(p.Subscriptions)))
		}
	case packet.PINGREQ:
		return packet.AppendPing(out, packet.PINGRESP)
	case packet.PUBLISH:
		var p packet.Publish
		if p.Decode(packet.V5, frame) != nil {
			return out
		}
		reason := packet.QuotaExceeded
		if !f.nacking.Load() {
			f.judge.arrive(p.Payload, p.Retain)
			reason = packet.Success
		}
		if p.QoS > 0 {
			return packet.AppendAck(out, packet.V5, packet.PUBACK, p.ID, reason)
		}
	}
	return out
}
