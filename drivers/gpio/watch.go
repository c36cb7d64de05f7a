package gpio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldmq/drivers"
)

// pace is how often counters are told at most. A flow meter gives hundreds of
// pulses a second, and nobody reads that fast.
const pace = 100 * time.Millisecond

// Watch tells of levels that have changed, with the instant of their edge, and
// of counts that have grown.
func (b *bus) Watch(ctx context.Context, points []*drivers.Point, emit func([]drivers.Sample) error) error {
	if err := b.attend(points); err != nil {
		return err
	}
	defer func() { _ = b.attend(nil) }() // to nobody, which cannot fail
	counts := time.NewTimer(0)
	defer counts.Stop()
	var due bool // counts may be told
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.quit:
			return nil
		case <-b.chip.gone():
			return b.whyGone()
		case <-counts.C:
			due = true
		case <-b.news:
		}
		samples, counted := b.take(points, due)
		if counted {
			due = false
			counts.Reset(pace)
		}
		if len(samples) == 0 {
			continue
		}
		if err := emit(samples); err != nil {
			return unlessEnded(ctx, err)
		}
	}
}

// whyGone is the end of a watch whose chip is gone: nil if Close took it.
func (b *bus) whyGone() error {
	select {
	case <-b.quit:
		return nil
	default:
		return fmt.Errorf("watch: %w: %w", drivers.ErrBus, errLost)
	}
}

// unlessEnded is err, or nil if it came of the end of ctx.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// attend has changes of points kept, and requests the lines of those that were
// never read. What a line is refused for, Read says.
func (b *bus) attend(points []*drivers.Point) error {
	b.wire.Lock()
	defer b.wire.Unlock()
	watched := make(map[*drivers.Point]bool, len(points))
	for _, p := range points {
		watched[p] = true
	}
	b.mu.Lock()
	b.watched, b.changes = watched, nil
	b.mu.Unlock()
	for _, p := range points {
		if p.At.(*Address).Dimmed() {
			continue // has no edges
		}
		if _, err := b.pin(p); errors.Is(err, errLost) && !b.closed {
			return fmt.Errorf("watch %s: %w: %w", p.At, drivers.ErrBus, err)
		}
	}
	return nil
}

// take returns what is to be told: all changes in their order and, when they
// are due, the counts that have grown. It says whether there were any.
func (b *bus) take(points []*drivers.Point, due bool) (samples []drivers.Sample, counted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	samples, b.changes = b.changes, nil
	if !due {
		return samples, false
	}
	for _, point := range points {
		if p := b.points[point]; p != nil && p.fresh {
			s := p.told()
			s.Time = b.tempo.ours(s.Time)
			samples = append(samples, s)
			counted = true
		}
	}
	return samples, counted
}
