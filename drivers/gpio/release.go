package gpio

import (
	"errors"
	"maps"

	"fieldmq/drivers"
)

var _ drivers.Releaser = (*bus)(nil)

// Release releases the lines of points that are not asked for any more. What a
// counter has counted is kept for when its point comes back.
func (b *bus) Release(points []*drivers.Point) error {
	b.wire.Lock()
	defer b.wire.Unlock()
	var errs []error
	for _, point := range points {
		if d := b.dimmers[point]; d != nil {
			delete(b.dimmers, point)
			errs = append(errs, d.Close())
		}
		if p := b.disown(point); p != nil {
			errs = append(errs, p.release())
		}
	}
	return errors.Join(errs...)
}

// disown takes a point off the books, and returns its pin, nil if it has none.
func (b *bus) disown(point *drivers.Point) *pin {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.points[point]
	if p == nil {
		return nil
	}
	delete(b.points, point)
	maps.DeleteFunc(b.pins, func(_ int, other *pin) bool { return other == p })
	if p.at.Counter() {
		b.settings.SetCount(point, p.count)
	}
	return p
}
