//go:build linux

package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// publisher sends numbered messages to the gateway and waits for PUBACK. What is
// not acknowledged when the gateway dies it sends again to the next one.
type publisher struct {
	addr    string
	judge   *judge
	size    int
	window  int
	perTick int
	tick    time.Duration // 0: as fast as the window lets it

	mu      sync.Mutex
	room    sync.Cond
	client  *client
	flying  []int // not acknowledged, in order
	paused  bool
	stopped bool
}

func newPublisher(addr string, j *judge, o options) *publisher {
	const tick = 10 * time.Millisecond
	p := &publisher{addr: addr, judge: j, size: o.payload, window: 20, tick: tick, perTick: max(1, o.rate/100)}
	p.room.L = &p.mu
	return p
}

// pace changes how fast messages go; rate 0 is as fast as they are
// acknowledged.
func (p *publisher) pace(rate, window int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window, p.perTick = window, max(1, rate/100)
	p.tick = 10 * time.Millisecond
	if rate == 0 {
		p.tick = 0
	}
}

// pause stops what is new, and lets it go on.
func (p *publisher) pause(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
	p.room.Broadcast()
}

// run connects again and again until ctx ends.
func (p *publisher) run(ctx context.Context) {
	defer context.AfterFunc(ctx, p.stop)()
	for ctx.Err() == nil {
		c, err := dial(p.addr, "publisher", 100)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		p.serve(c)
	}
}

func (p *publisher) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.client != nil {
		_ = p.client.conn.Close() // the reader ends
	}
	p.room.Broadcast()
}

// serve uses a connection until it ends.
func (p *publisher) serve(c *client) {
	p.mu.Lock()
	again := slices.Clone(p.flying)
	p.client = c
	p.mu.Unlock()
	var reading sync.WaitGroup
	reading.Go(func() {
		p.settle(c)
		p.mu.Lock()
		p.client = nil
		p.room.Broadcast()
		p.mu.Unlock()
	})
	p.write(c, again)
	_ = c.conn.Close() // it has ended
	reading.Wait()
}

func (p *publisher) write(c *client, again []int) {
	for _, n := range again {
		p.judge.resend(n)
		if !p.publish(c, n, true) {
			return
		}
	}
	next := time.Now()
	for {
		tick, count, ok := p.await(c)
		if !ok {
			return
		}
		for range count {
			n, ok := p.take(c)
			if !ok || !p.publish(c, n, false) {
				return
			}
		}
		next = next.Add(tick)
		if wait := time.Until(next); wait > 0 {
			time.Sleep(wait)
		} else {
			next = time.Now() // what the gateway held up is not made up for
		}
	}
}

// await waits while publishing is paused; ok is false when the connection ended.
func (p *publisher) await(c *client) (tick time.Duration, count int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.paused && p.client == c && !p.stopped {
		p.room.Wait()
	}
	return p.tick, p.perTick, p.client == c && !p.stopped
}

// take numbers a message as soon as the window has room for it.
func (p *publisher) take(c *client) (n int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.flying) >= p.window && p.client == c && !p.stopped {
		p.room.Wait()
	}
	if p.client != c || p.stopped {
		return 0, false
	}
	n = p.judge.send()
	p.flying = append(p.flying, n)
	return n, true
}

func (p *publisher) publish(c *client, n int, dup bool) bool {
	topic, state := p.judge.topic(n)
	m := mqtt.Message{Topic: topic, Payload: payload(n, p.size)}
	out := packet.Outgoing{Message: &m, QoS: mqtt.AtLeastOnce, Retain: state, Dup: dup, ID: identifier(n)}
	_, err := c.conn.Write(out.Append(nil, packet.V5))
	return err == nil
}

func identifier(n int) uint16 { return uint16(n%60_000 + 1) }

// settle reads acknowledgements until the connection ends.
func (p *publisher) settle(c *client) {
	for {
		f, err := c.reader.Next()
		if err != nil {
			return
		}
		if f.Type() != packet.PUBACK {
			continue
		}
		var ack packet.Ack
		if ack.Decode(packet.V5, f) != nil {
			return
		}
		if n, ok := p.land(ack.ID); ok {
			p.judge.settle(n, ack.Reason.Failed())
		}
	}
}

func (p *publisher) land(id uint16) (n int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.flying, func(n int) bool { return identifier(n) == id })
	if i < 0 {
		return 0, false
	}
	n = p.flying[i]
	p.flying = slices.Delete(p.flying, i, i+1)
	p.room.Broadcast()
	return n, true
}

// idle says whether all is acknowledged.
func (p *publisher) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.flying) == 0
}
