//go:build linux

package main

import (
	"context"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// subscriber is a client of the cloud that shows the judge what comes. Its
// session lasts, so that a restart of the cloud alone costs it nothing.
type subscriber struct {
	addr  string
	judge *judge
}

// run connects again and again until ctx ends; ready is closed when it is
// subscribed.
func (s *subscriber) run(ctx context.Context, ready chan<- struct{}) {
	for ctx.Err() == nil {
		c, err := dial(s.addr, "subscriber", 65_535)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() }) // ends receive
		if s.subscribe(c) == nil {
			if ready != nil {
				close(ready)
				ready = nil
			}
			s.receive(c)
		}
		stop()
		_ = c.conn.Close() // it has ended
	}
}

func (s *subscriber) subscribe(c *client) error {
	p := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{
		{Filter: "site/#", QoS: mqtt.AtLeastOnce, RetainAsPublished: true, Retain: packet.SendNoRetained},
	}}
	if _, err := c.conn.Write(p.Append(nil, packet.V5)); err != nil {
		return err
	}
	return nil
}

func (s *subscriber) receive(c *client) {
	var out []byte
	var p packet.Publish
	for {
		f, err := c.reader.Next()
		if err != nil {
			return
		}
		if f.Type() == packet.PUBLISH {
			if p.Decode(packet.V5, f) != nil {
				return
			}
			if p.QoS > 0 {
				out = packet.AppendAck(out, packet.V5, packet.PUBACK, p.ID, packet.Success)
			}
			if strings.HasPrefix(string(p.Topic), "site/device/d") {
				s.judge.arrive(p.Payload, p.Retain)
			}
		}
		if !c.reader.Buffered() && len(out) > 0 {
			if _, err := c.conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}
