package serial

import (
	"slices"

	"fieldmq/drivers"
)

var _ drivers.Releaser = (*bus)(nil)

// Release lets points that are not asked for any more listen no longer.
func (b *bus) Release(points []*drivers.Point) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range points {
		s := b.sources[p]
		delete(b.sources, p)
		b.ears = slices.DeleteFunc(b.ears, func(ear *source) bool { return ear == s })
	}
	return nil
}
