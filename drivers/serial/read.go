package serial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldmq/drivers"
)

// errMissing is the error of a point that the answer to its request lacks.
var errMissing = errors.New("not in the answer")

// Read sends the requests of the points, each but once, and returns what the
// answers say. A point that listens has its last sample, with its own time, if
// one of them heard something since the previous Read. After the first request
// without an answer the others are not sent.
func (b *bus) Read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	if err := b.lost(); err != nil {
		return nil, err
	}
	samples := make([]drivers.Sample, len(points))
	var listening []slot
	var asking []slot
	for i, p := range points {
		samples[i] = drivers.Sample{Point: p, Time: time.Now()}
		s, err := b.source(p)
		switch {
		case err != nil:
			samples[i].Err = err
		case s.listens():
			listening = append(listening, slot{s, &samples[i]})
		default:
			asking = append(asking, slot{s, &samples[i]})
		}
	}
	if err := b.firstWord(ctx, listening); err != nil {
		return nil, err
	}
	b.recall(listening)
	if err := b.ask(ctx, asking); err != nil {
		return nil, err
	}
	return samples, nil
}

// slot is a place for the sample of a source.
type slot struct {
	*source
	sample *drivers.Sample
}

// firstWord gives devices that speak by themselves as long for their first word
// as others have for an answer, counted from the opening of the line.
func (b *bus) firstWord(ctx context.Context, slots []slot) error {
	if len(slots) == 0 {
		return nil
	}
	return b.wait(ctx, b.opened.Add(slots[0].timeout()), b.first)
}

// recall fills in what was heard since the last time.
func (b *bus) recall(slots []slot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh := false
	for _, s := range slots {
		fresh = fresh || s.fresh
		s.fresh = false
	}
	for _, s := range slots {
		switch {
		case !fresh:
			s.sample.Err = b.splitter.explain()
		case s.last.Point == nil:
			s.sample.Err = fmt.Errorf("%w yet", drivers.ErrNoValue)
		default:
			*s.sample = s.last
		}
	}
	if len(slots) > 0 {
		b.splitter.faults = faults{}
	}
}

// ask sends the requests of the points in the order of their first point. It
// fails with the bus.
func (b *bus) ask(ctx context.Context, slots []slot) error {
	var offline error
	for len(slots) > 0 {
		var same, others []slot
		for _, s := range slots {
			if s.asks(slots[0].Address) {
				same = append(same, s)
			} else {
				others = append(others, s)
			}
		}
		if offline == nil {
			offline = b.askFor(ctx, same)
		}
		if offline != nil && !errors.Is(offline, drivers.ErrOffline) {
			return fmt.Errorf("read %s: %w", same[0].point, offline)
		}
		if offline != nil {
			for _, s := range same {
				s.sample.Time, s.sample.Err = time.Now(), offline
			}
		}
		slots = others
	}
	return nil
}

// askFor sends the one request that points have in common.
func (b *bus) askFor(ctx context.Context, slots []slot) error {
	missing := len(slots)
	for _, s := range slots {
		s.sample.Err = errMissing
	}
	take := func(frame []byte, at time.Time) (taken, complete bool) {
		for _, s := range slots {
			if !errors.Is(s.sample.Err, errMissing) {
				continue
			}
			if sample, ok := s.source.sample(frame, at); ok {
				*s.sample = sample
				missing--
				taken = true
			}
		}
		return taken, missing == 0
	}
	first := slots[0]
	return b.do(ctx, first.Address, first.request(), newExchange(take))
}
