package poll

import (
	"context"
	"math/rand/v2"
	"time"

	"fieldmq/drivers"
)

// Waiting times between attempts to open a bus.
const (
	firstRetry  = 250 * time.Millisecond
	longRetry   = 10 * time.Second
	openTimeout = 10 * time.Second
)

// open tries once to open the bus.
func (l *Loop) open(ctx context.Context) {
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	bus, err := l.cfg.Settings.Open(opening, l.cfg.Log)
	if ctx.Err() != nil {
		if err == nil {
			bus.Close()
		}
		return
	}
	if err != nil {
		l.retryLater(err)
		return
	}
	if !l.vain {
		l.cfg.Log.Info("bus open")
	}
	l.bus = bus
	l.stats.opened(true)
	if l.cfg.Opened != nil {
		l.cfg.Opened(bus)
	}
	l.watch(ctx)
}

// alive notes that the bus has carried something: the next time that it is lost
// is news, and no reason for long waits.
func (l *Loop) alive() {
	if l.vain {
		l.cfg.Log.Info("bus open")
	}
	l.attempts, l.vain = 0, false
}

// retryLater sets the next attempt, later each time and never in step with
// other gateways.
func (l *Loop) retryLater(err error) {
	if l.attempts == 0 || err.Error() != l.busErr.Error() {
		l.cfg.Log.Warn("bus is down, retrying", "error", err)
	}
	l.busErr = err
	l.stats.down(err)
	wait := min(firstRetry<<min(l.attempts, 10), longRetry)
	l.attempts++
	l.nextOpen = time.Now().Add(wait/2 + rand.N(wait/2))
}

// lose closes a bus that failed, to be opened again soon.
func (l *Loop) lose(err error) {
	if l.bus == nil {
		return
	}
	l.close()
	l.vain = l.attempts > 0
	l.retryLater(err)
}

// close closes the bus and waits for the end of its watch.
func (l *Loop) close() {
	if l.bus == nil {
		return
	}
	l.unwatch() // first: Close waits for a watch, which waits for us
	if err := l.bus.Close(); err != nil {
		l.cfg.Log.Debug("closing the bus", "error", err)
	}
	l.bus = nil
	for _, d := range l.devices {
		d.earlier = d.health.Counts
	}
	l.stats.opened(false)
}

// unwatch ends the watch and waits for it. A watch must end with its context.
func (l *Loop) unwatch() {
	if l.watching == nil {
		return
	}
	l.watching.cancel()
	<-l.watching.ended
	l.watching = nil
}

// watch is the goroutine that listens to a bus.
type watch struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// watch listens to a bus whose devices speak unasked.
func (l *Loop) watch(ctx context.Context) {
	watcher, ok := l.bus.(drivers.Watcher)
	if !ok {
		return
	}
	var points []*drivers.Point
	for _, j := range l.jobs {
		points = append(points, j.Points...)
	}
	watching, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, ended: make(chan struct{})}
	hand := func(call func(context.Context)) error {
		select {
		case l.calls <- call:
			return nil
		case <-watching.Done():
			return watching.Err()
		}
	}
	go func() {
		defer close(w.ended)
		err := watcher.Watch(watching, points, func(samples []drivers.Sample) error {
			return hand(func(context.Context) { l.hear(samples) })
		})
		if err != nil {
			_ = hand(func(context.Context) { l.lose(err) }) // fails when the loop knows already
		}
	}()
	l.watching = w
}
