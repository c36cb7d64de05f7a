package serial

import (
	"context"

	"fieldmq/drivers"
)

// Watch tells what devices say by themselves, as it comes.
func (b *bus) Watch(ctx context.Context, points []*drivers.Point, emit func([]drivers.Sample) error) error {
	for _, p := range points {
		_, _ = b.source(p) // what is wrong with it, Read says
	}
	b.attend(points)
	defer b.attend(nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.quit:
			return nil
		case <-b.gone:
			return b.whyGone()
		case <-b.news:
		}
		if err := emit(b.told()); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// whyGone is the end of a watch whose line is gone: nil if Close took it.
func (b *bus) whyGone() error {
	select {
	case <-b.quit:
		return nil
	default:
		return b.lost()
	}
}

// attend has samples of these points kept, and of no others.
func (b *bus) attend(points []*drivers.Point) {
	watched := make(map[*drivers.Point]bool, len(points))
	for _, p := range points {
		watched[p] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched, b.heard = watched, nil
}

// told takes what was kept.
func (b *bus) told() []drivers.Sample {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.heard
	b.heard = nil
	return heard
}
