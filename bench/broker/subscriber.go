//go:build linux

package main

import (
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// subscriber counts what comes, and looks whether it is what was sent.
type subscriber struct {
	*client
	load *load
	next []uint32 // the number that each publisher's next message has

	delivered atomic.Int64
	surplus   atomic.Int64 // numbers that came again or too late
	latencies []time.Duration
}

func newSubscriber(addr string, l *load, index int) (*subscriber, error) {
	c, err := dial(addr, "sub-"+l.topic(index))
	if err != nil {
		return nil, err
	}
	return &subscriber{client: c, load: l, next: make([]uint32, l.publishers)}, c.subscribe(l.filter(index), l.qos)
}

// receive takes messages until the connection ends.
func (s *subscriber) receive() error {
	var p packet.Publish
	var count int64
	for {
		f, err := s.reader.Next()
		if err != nil {
			return err
		}
		switch f.Type() {
		case packet.PUBLISH:
			if err := p.Decode(packet.V311, f); err != nil {
				return err
			}
			s.take(&p)
			count++
		case packet.PUBREL:
			s.acknowledge(packet.PUBCOMP, uint16(f.Body[0])<<8|uint16(f.Body[1]))
		}
		if !s.reader.Buffered() {
			s.delivered.Add(count)
			count = 0
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

func (s *subscriber) take(p *packet.Publish) {
	switch p.QoS {
	case mqtt.AtLeastOnce:
		s.acknowledge(packet.PUBACK, p.ID)
	case mqtt.ExactlyOnce:
		s.acknowledge(packet.PUBREC, p.ID)
	}
	s.note(readStamp(p.Payload))
}

// note checks that the messages of each publisher come in order, and takes the
// time.
func (s *subscriber) note(m stamp) {
	next := &s.next[m.publisher]
	if m.number < *next {
		s.surplus.Add(1)
		return
	}
	*next = m.number + 1
	if s.load.timing.Load() {
		s.latencies = append(s.latencies, s.load.clock()-time.Duration(m.at))
	}
}
