//go:build linux

package main

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

const (
	// window is how many messages of QoS 1 and 2 a publisher has in flight.
	window = 100
	// batch is how many bytes a publisher of QoS 0 writes at once.
	batch = 16 << 10
)

// publisher sends numbered messages. Where it floods, one goroutine does all;
// at a fixed rate one sends and another settles.
type publisher struct {
	*client
	qos    mqtt.QoS
	packet []byte // the next PUBLISH but for its numbers
	id     int    // where the packet identifier stands in it
	body   int    // where the payload does
	sent   uint32
	burst  []byte
	flying atomic.Int64 // QoS 1 and 2: not settled
}

func newPublisher(addr string, c cell, index int) (*publisher, error) {
	conn, err := dial(addr, "pub-"+c.topic(index))
	if err != nil {
		return nil, err
	}
	m := mqtt.Message{Topic: c.topic(index), Payload: make([]byte, c.payload)}
	out := packet.Outgoing{Message: &m, QoS: c.qos}
	p := &publisher{client: conn, qos: c.qos}
	p.packet, p.id = out.AppendAt(nil, packet.V311)
	p.body = len(p.packet) - c.payload
	stamp{publisher: uint32(index)}.put(p.packet[p.body:])
	return p, nil
}

// stamp is what a payload begins with.
type stamp struct {
	publisher, number uint32
	at                int64 // when it was sent, in nanoseconds of the load's clock
}

func (s stamp) put(b []byte) {
	binary.LittleEndian.PutUint32(b, s.publisher)
	binary.LittleEndian.PutUint32(b[4:], s.number)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.at))
}

func readStamp(b []byte) stamp {
	return stamp{
		publisher: binary.LittleEndian.Uint32(b),
		number:    binary.LittleEndian.Uint32(b[4:]),
		at:        int64(binary.LittleEndian.Uint64(b[8:])),
	}
}

// send writes n messages at once.
func (p *publisher) send(n int, now time.Duration) error {
	p.burst = p.burst[:0]
	for range n {
		number := p.packet[p.body+4:]
		binary.LittleEndian.PutUint32(number, p.sent)
		binary.LittleEndian.PutUint64(number[4:], uint64(now))
		p.sent++
		if p.qos > 0 { // 1 to 65,535; the window is far behind when they come again
			binary.BigEndian.PutUint16(p.packet[p.id:], uint16(p.sent%65_535+1))
		}
		p.burst = append(p.burst, p.packet...)
	}
	if p.qos > 0 {
		p.flying.Add(int64(n))
	}
	_, err := p.conn.Write(p.burst)
	return err
}

// flood sends as fast as it goes until stop is set and all is settled.
func (p *publisher) flood(stop *atomic.Bool) error {
	for {
		stopping := stop.Load() // asked once: settle would wait for ever where nothing is sent and all is settled
		if stopping && p.flying.Load() == 0 {
			return nil
		}
		if free := p.free(); free > 0 && !stopping {
			if err := p.send(free, 0); err != nil {
				return err
			}
			runtime.Gosched() // who never has to wait would keep the core from those who receive
		}
		if p.qos > 0 {
			if err := p.settle(); err != nil {
				return err
			}
		}
	}
}

// free is how many messages may be sent now.
func (p *publisher) free() int {
	if p.qos == mqtt.AtMostOnce {
		return max(1, batch/len(p.packet))
	}
	return window - int(p.flying.Load())
}

// settle waits for acknowledgements and does what those of one read ask for.
func (p *publisher) settle() error {
	for {
		f, err := p.reader.Next()
		if err != nil {
			return err
		}
		switch f.Type() {
		case packet.PUBACK, packet.PUBCOMP:
			p.flying.Add(-1)
		case packet.PUBREC:
			p.acknowledge(packet.PUBREL, binary.BigEndian.Uint16(f.Body))
		}
		if !p.reader.Buffered() {
			return p.flush()
		}
	}
}
