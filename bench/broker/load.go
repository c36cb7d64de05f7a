//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is the clients of one cell.
type load struct {
	cell
	began  time.Time
	timing atomic.Bool // latencies are taken
	stop   atomic.Bool // publishers shall come to an end

	pubs    []*publisher
	subs    []*subscriber
	sending errgroup.Group
	hearing errgroup.Group
}

// connect makes the clients, and has all subscribed.
func connect(addr string, c cell) (l *load, err error) {
	l = &load{cell: c, began: time.Now()}
	for i := range c.subscribers {
		s, err := newSubscriber(addr, l, i)
		if err != nil {
			l.close()
			return nil, err
		}
		l.subs = append(l.subs, s)
	}
	for i := range c.publishers {
		p, err := newPublisher(addr, c, i)
		if err != nil {
			l.close()
			return nil, err
		}
		l.pubs = append(l.pubs, p)
	}
	return l, nil
}

// clock is the time since the load began; stamps are taken from it.
func (l *load) clock() time.Duration { return time.Since(l.began) }

// start begins to send and to receive.
func (l *load) start(ctx context.Context) {
	for _, s := range l.subs {
		l.hearing.Go(func() error { return ended(s.receive()) })
	}
	if l.rate > 0 {
		l.sending.Go(func() error { return l.pace(ctx) })
		for _, p := range l.pubs {
			l.hearing.Go(func() error {
				for {
					if err := p.settle(); err != nil {
						return ended(err)
					}
				}
			})
		}
		return
	}
	for _, p := range l.pubs {
		l.sending.Go(func() error { return p.flood(&l.stop) })
	}
}

// ended forgives the end of a connection that close has closed.
func ended(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the broker has closed a connection")
	}
	return err
}

// pace sends one message after the other at equal distances, each from the
// next publisher, until the load stops.
func (l *load) pace(ctx context.Context) error {
	beat, err := newBeat(time.Second * time.Duration(l.copies()) / time.Duration(l.rate))
	if err != nil {
		return err
	}
	defer func() { _ = beat.close() }()
	for turn := 0; !l.stop.Load() && ctx.Err() == nil; {
		due, err := beat.wait()
		if err != nil {
			return err
		}
		for range due {
			if err := l.pubs[turn%len(l.pubs)].send(1, l.clock()); err != nil {
				return err
			}
			turn++
		}
	}
	return nil
}

func (l *load) delivered() (n int64) {
	for _, s := range l.subs {
		n += s.delivered.Load()
	}
	return n
}

// Bounds of finish: all has arrived, or nothing has for a while.
const (
	quiet    = 5 * time.Second
	patience = 20 * time.Second
)

// finish stops sending, waits for what is under way and says how many
// deliveries never came, and how many came twice.
func (l *load) finish() (lost, surplus int64, err error) {
	l.stop.Store(true)
	giveUp := time.AfterFunc(patience, l.close)
	defer giveUp.Stop()
	if err := l.sending.Wait(); err != nil {
		return 0, 0, fmt.Errorf("publisher: %w", err)
	}
	var sent int64
	for _, p := range l.pubs {
		sent += int64(p.sent) * int64(l.copies())
	}
	last, since := l.delivered(), time.Now()
	for ; last < sent && time.Since(since) < quiet; time.Sleep(time.Millisecond) {
		if n := l.delivered(); n != last {
			last, since = n, time.Now()
		}
	}
	l.close()
	if err := l.hearing.Wait(); err != nil {
		return 0, 0, fmt.Errorf("subscriber: %w", err)
	}
	for _, s := range l.subs {
		surplus += s.surplus.Load()
	}
	return sent - (l.delivered() - surplus), surplus, nil
}

// latencies are all that were taken, in order. Valid after finish.
func (l *load) latencies() (all []time.Duration) {
	for _, s := range l.subs {
		all = append(all, s.latencies...)
	}
	slices.Sort(all)
	return all
}

func (l *load) close() {
	for _, p := range l.pubs {
		_ = p.conn.Close() // twice does no harm
	}
	for _, s := range l.subs {
		_ = s.conn.Close()
	}
}
