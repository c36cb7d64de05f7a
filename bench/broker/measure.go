//go:build linux

package main

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// result is what one cell cost one broker.
type result struct {
	perSecond float64       // deliveries
	cpu       float64       // seconds for a million deliveries
	busy      float64       // part of the core
	p50, p99  time.Duration // of the way from publisher to subscriber, at a fixed rate
	memory    int64         // resident, in bytes, the most there was
	lost      int64         // deliveries that never came
	surplus   int64         // deliveries that came twice
}

// measure starts a broker, loads it and stops it.
func measure(ctx context.Context, p peer, dir string, c cell, o options) (r result, err error) {
	broker, addr, err := p.start(ctx, dir)
	if err != nil {
		return r, err
	}
	defer broker.stop()
	l, err := connect(addr, c)
	if err != nil {
		return r, err
	}
	defer l.close()
	l.start(ctx)
	pause(ctx, o.warm)
	l.timing.Store(c.rate > 0)
	if r, err = watch(ctx, broker, l.delivered, o.span); err != nil {
		return r, err
	}
	l.timing.Store(false)
	if r.lost, r.surplus, err = l.finish(); err != nil {
		return r, err
	}
	if took := l.latencies(); len(took) > 0 {
		r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	r.memory, err = broker.memory("VmHWM")
	return r, cmp.Or(err, ctx.Err())
}

// watch measures what a broker spends and delivers in a span of time.
func watch(ctx context.Context, broker *process, delivered func() int64, span time.Duration) (r result, err error) {
	cpu, err := broker.cpu()
	if err != nil {
		return r, err
	}
	began, before := time.Now(), delivered()
	pause(ctx, span)
	after, err := broker.cpu()
	if err != nil {
		return r, err
	}
	took, count := time.Since(began), delivered()-before
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	r.busy = (after - cpu).Seconds() / took.Seconds()
	r.perSecond = float64(count) / took.Seconds()
	r.cpu = (after - cpu).Seconds() * 1e6 / float64(count)
	return r, nil
}

// median takes each figure by itself; of losses and memory the worst.
func median(rounds []result) (m result) {
	m.perSecond = middle(rounds, func(r result) float64 { return r.perSecond })
	m.busy = middle(rounds, func(r result) float64 { return r.busy })
	m.cpu = middle(rounds, func(r result) float64 { return r.cpu })
	m.p50 = middle(rounds, func(r result) time.Duration { return r.p50 })
	m.p99 = middle(rounds, func(r result) time.Duration { return r.p99 })
	for _, r := range rounds {
		m.memory = max(m.memory, r.memory)
		m.lost, m.surplus = max(m.lost, r.lost), max(m.surplus, r.surplus)
	}
	return m
}

func middle[T cmp.Ordered](rounds []result, figure func(result) T) T {
	var all []T
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
