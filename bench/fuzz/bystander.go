package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// bystanders are two clients, of both versions, who publish to themselves all the
// time and must get it.
type bystanders struct {
	all      []*bystander
	gone     atomic.Bool
	messages atomic.Int64

	mu      sync.Mutex
	slowest time.Duration
}

type bystander struct {
	conn    net.Conn
	reader  *packet.Reader
	version packet.Version
	topic   string
}

// enter connects them, before others may have taken all places.
func (b *bystanders) enter(h *house) error {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		conn, err := net.Dial("unix", h.unix.Addr().String())
		if err != nil {
			return err
		}
		c := &bystander{conn: conn, reader: packet.NewReader(conn, packet.MaxPacket), version: v, topic: fmt.Sprintf("bystander/%d", v)}
		c.reader.SetVersion(v)
		b.all = append(b.all, c)
		hello := packet.Connect{Version: v, ClientID: c.topic, CleanStart: true}
		p := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: mqtt.Filter(c.topic), QoS: mqtt.AtLeastOnce}}}
		if err := c.say(p.Append(hello.Append(nil), v), packet.CONNACK, packet.SUBACK); err != nil {
			return err
		}
	}
	return nil
}

// stay has them talk until leave is called.
func (b *bystanders) stay(group *errgroup.Group) {
	for _, c := range b.all {
		group.Go(func() error {
			defer c.conn.Close() //nolint:errcheck // nothing waits
			for n := 0; !b.gone.Load(); n++ {
				began := time.Now()
				if err := c.echo(fmt.Sprint(n)); err != nil {
					return fmt.Errorf("bystander of version %d: %w", c.version, err)
				}
				b.note(time.Since(began))
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		})
	}
}

func (b *bystanders) note(took time.Duration) {
	b.messages.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slowest = max(b.slowest, took)
}

func (b *bystanders) leave() { b.gone.Store(true) }

// echo publishes a payload, and takes it back.
func (c *bystander) echo(payload string) error {
	m := mqtt.Message{Topic: c.topic, Payload: []byte(payload)}
	out := packet.Outgoing{Message: &m, QoS: mqtt.AtLeastOnce, ID: 1}
	if err := c.say(out.Append(nil, c.version)); err != nil {
		return err
	}
	for acknowledged, came := false, false; !acknowledged || !came; {
		f, err := c.reader.Next()
		if err != nil {
			return err
		}
		switch f.Type() {
		case packet.PUBACK:
			acknowledged = true
		case packet.PUBLISH:
			var p packet.Publish
			if err := p.Decode(c.version, f); err != nil {
				return err
			}
			if string(p.Payload) != payload || came {
				return fmt.Errorf("got %q instead of %s", p.Payload, payload)
			}
			came = true
			if err := c.say(packet.AppendAck(nil, c.version, packet.PUBACK, p.ID, packet.Success)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("got %v", f.Type())
		}
	}
	return nil
}

// say sends packets, and waits for answers.
func (c *bystander) say(out []byte, answers ...packet.Type) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.conn.Write(out); err != nil {
		return err
	}
	for _, want := range answers {
		if f, err := c.reader.Next(); err != nil || f.Type() != want {
			return errors.Join(fmt.Errorf("got %v instead of %v", f.Type(), want), err)
		}
	}
	return nil
}
