//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// world is one gateway with its publisher, its cloud and the line between.
type world struct {
	options
	ctx     context.Context
	rand    *rand.Rand
	dir     string // of this run
	data    string // where the gateway keeps its data
	judge   *judge
	gateway *process
	cloud   *process // nil: fake plays it
	fake    *fake
	proxy   *proxy
	pub     *publisher
	faults  int      // that may cost a window of duplicates
	torn    int      // bytes that were taken from the store
	notes   []string // for the last column
	undo    []func()
}

// measure runs one fault against one peer.
func measure(ctx context.Context, o options, f fault, p peer) (result, error) {
	if p.name == "" {
		return result{}, fmt.Errorf("there is no such peer; fieldmq and mosquitto are there")
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	w, err := newWorld(ctx, o, f, p)
	if w != nil {
		defer w.end()
	}
	if err != nil {
		return result{}, err
	}
	if w.cloud != nil {
		ready := make(chan struct{})
		sub := &subscriber{addr: w.cloud.addr, judge: w.judge}
		running.Go(func() { sub.run(ctx, ready) })
		<-ready
	}
	running.Go(func() { w.pub.run(ctx) })
	err = f.run(w)
	if err == nil {
		err = w.settle()
	}
	w.gateway.sample()
	return w.result(), err
}

// newWorld starts all but the clients.
func newWorld(ctx context.Context, o options, f fault, p peer) (*world, error) {
	w := &world{options: o, ctx: ctx, rand: rand.New(rand.NewPCG(o.seed, 1)), judge: newJudge(o.devices)}
	var err error
	if w.dir, err = os.MkdirTemp(o.dir, f.name+"-"+p.name+"-"); err != nil {
		return nil, err
	}
	w.data = filepath.Join(w.dir, "data")
	if err := os.Mkdir(w.data, 0o700); err != nil {
		return w, err
	}
	if f.disk > 0 {
		if err := w.mount(f.disk); err != nil {
			return w, err
		}
	}
	far, err := w.startCloud(f)
	if err != nil {
		return w, err
	}
	if w.proxy, err = startProxy(far); err != nil {
		return w, err
	}
	if f.cloudDies {
		w.proxy.watching = &watch{w.judge}
	}
	w.proxy.delay = f.delay
	if w.gateway, err = p.process(o, w.dir, w.data, w.proxy.addr(), f.full()); err != nil {
		return w, err
	}
	if f.clock && p.name == "fieldmq" {
		if err := w.useClock(); err != nil {
			return w, err
		}
	}
	if err := w.gateway.start(); err != nil {
		return w, err
	}
	w.pub = newPublisher(w.gateway.addr, w.judge, o)
	return w, nil
}

func (w *world) startCloud(f fault) (addr string, err error) {
	if f.fake {
		if w.fake, err = startFake(w.judge); err != nil {
			return "", err
		}
		return w.fake.addr(), nil
	}
	if w.cloud, err = cloudProcess(w.options, w.dir, f.window); err != nil {
		return "", err
	}
	return w.cloud.addr, w.cloud.start()
}

// end stops all that was started.
func (w *world) end() {
	for _, p := range []*process{w.gateway, w.cloud} {
		if p != nil && p.cmd != nil {
			p.signal(9)
			<-p.ended
		}
	}
	if w.proxy != nil {
		w.proxy.stop()
	}
	if w.fake != nil {
		w.fake.stop()
	}
	for _, undo := range w.undo {
		undo()
	}
}

// sleep lets time pass.
func (w *world) sleep(d time.Duration) {
	select {
	case <-w.ctx.Done():
	case <-time.After(d):
	}
}

// note adds a word to the result.
func (w *world) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// crash kills the gateway and starts it again.
func (w *world) crash() error {
	w.faults++
	w.gateway.kill()
	return w.gateway.start()
}

// uplink cuts the line, or mends it.
func (w *world) uplink(up bool) {
	w.proxy.change(func() { w.proxy.shut = !up })
	if !up {
		w.faults++
		w.proxy.cut()
	}
}

// settle stops publishing and waits until all has arrived, or nothing does any
// more for a while: longer than a bridge waits between two tries to connect.
func (w *world) settle() error {
	patience := 75 * time.Second
	if w.gateway.name != "fieldmq" {
		patience = 30 * time.Second // it tries more often, and what it loses is not waited for twice
	}
	w.pub.pause(true)
	if err := w.await(patience, w.pub.idle, w.judge.acknowledged); err != nil {
		w.note("the publisher waits for acknowledgements")
	}
	_ = w.await(patience, func() bool { return w.judge.missing() == 0 }, w.judge.progress) // what is missing is counted
	w.sleep(time.Second)                                                                   // for what comes twice
	return w.ctx.Err()
}

// await waits for a fact as long as something moves.
func (w *world) await(patience time.Duration, fact func() bool, moving func() int) error {
	last, since := moving(), time.Now()
	for !fact() {
		w.sleep(20 * time.Millisecond)
		if now := moving(); now != last {
			last, since = now, time.Now()
		}
		switch {
		case w.ctx.Err() != nil:
			return w.ctx.Err()
		case time.Since(since) > patience:
			return fmt.Errorf("nothing moved for %v", patience)
		}
	}
	return nil
}
