package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"fieldmq/drivers"
)

// refresher writes values again and again that a device forgets after a while:
// the last one that each point was given. What was given before a start of the
// gateway is not known, and not written.
type refresher struct {
	every func(*drivers.Point) time.Duration // zero: once is enough
	do    func(context.Context, ...drivers.Command) error
	log   *slog.Logger

	mu   sync.Mutex
	held map[*drivers.Point]*held
	news chan struct{} // has a place for one
}

// held is a value that a point is to keep.
type held struct {
	command drivers.Command
	due     time.Time
	failed  bool
}

func newRefresher(every func(*drivers.Point) time.Duration, do func(context.Context, ...drivers.Command) error, log *slog.Logger) *refresher {
	return &refresher{every: every, do: do, log: log, held: map[*drivers.Point]*held{}, news: make(chan struct{}, 1)}
}

// write gives a device values, and keeps those that it would forget.
func (r *refresher) write(ctx context.Context, commands ...drivers.Command) error {
	err := r.do(ctx, commands...)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range commands {
		if every := r.every(c.Point); every > 0 {
			r.held[c.Point] = &held{command: c, due: time.Now().Add(every)}
		}
	}
	select {
	case r.news <- struct{}{}:
	default: // it is awake already
	}
	return nil
}

// run writes what is due until ctx ends.
func (r *refresher) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.news:
		case <-timer.C:
			r.refresh(ctx, time.Now())
		}
		timer.Reset(time.Until(r.next()))
	}
}

// next is when the first value is due.
func (r *refresher) next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := time.Now().Add(time.Hour)
	for _, h := range r.held {
		if h.due.Before(first) {
			first = h.due
		}
	}
	return first
}

// refresh writes what is due. A point that is gone is forgotten.
func (r *refresher) refresh(ctx context.Context, now time.Time) {
	for _, h := range r.dueAt(now) {
		err := r.do(ctx, h.command)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		failed := err != nil
		if failed != h.failed {
			log := r.log.With("point", h.command.Point.String())
			if failed {
				log.Warn("the value is not refreshed", "error", err)
			} else {
				log.Info("the value is refreshed again")
			}
		}
		h.failed = failed
		r.mu.Unlock()
	}
}

func (r *refresher) dueAt(now time.Time) (due []*held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, h := range r.held {
		every := r.every(p)
		if every == 0 {
			delete(r.held, p)
			continue
		}
		if !h.due.After(now) {
			h.due = now.Add(every)
			due = append(due, h)
		}
	}
	return due
}
