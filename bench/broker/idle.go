//go:build linux

package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// pingEvery is how often an idle client says that it is there.
const pingEvery = 10 * time.Second

// measureIdle connects clients that subscribe to a topic of their own, and
// then only ping.
func measureIdle(ctx context.Context, p peer, dir string, o options) (r result, err error) {
	broker, addr, err := p.start(ctx, dir)
	if err != nil {
		return r, err
	}
	defer broker.stop()
	var clients []*client
	defer func() {
		for _, c := range clients {
			_ = c.conn.Close() // it has served
		}
	}()
	for i := range o.idle {
		c, err := dial(addr, fmt.Sprintf("idle-%d", i))
		if err != nil {
			return r, err
		}
		clients = append(clients, c)
		if err := c.subscribe(mqtt.Filter(fmt.Sprintf("idle/%d", i)), mqtt.AtMostOnce); err != nil {
			return r, err
		}
	}
	var pinging errgroup.Group
	var stop atomic.Bool
	var pings atomic.Int64
	pinging.Go(func() error { return ping(clients, &stop, &pings) })
	r, err = watch(ctx, broker, pings.Load, max(o.span, minIdle))
	stop.Store(true)
	if pinged := pinging.Wait(); err == nil {
		err = pinged
	}
	if err == nil {
		r.memory, err = broker.memory("VmRSS")
	}
	return r, err
}

// minIdle is the least time in which idle clients show what they cost.
const minIdle = 5 * time.Second

// ping has one client after the other ping, and awaits the answer.
func ping(clients []*client, stop *atomic.Bool, pings *atomic.Int64) error {
	beat, err := newBeat(pingEvery / time.Duration(len(clients)))
	if err != nil {
		return err
	}
	defer func() { _ = beat.close() }()
	question := packet.AppendPing(nil, packet.PINGREQ)
	for turn := 0; !stop.Load(); {
		due, err := beat.wait()
		if err != nil {
			return err
		}
		for range due {
			if _, err := clients[turn%len(clients)].ask(question, packet.PINGRESP); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
			pings.Add(1)
			turn++
		}
	}
	return nil
}
