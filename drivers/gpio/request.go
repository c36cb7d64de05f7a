package gpio

import (
	"errors"
	"fmt"
	"time"

	"fieldmq/drivers"
)

// pin is the point's open line; it is requested now if it is not open yet. An
// error wraps errLost or drivers.ErrRefused. The caller holds wire.
func (b *bus) pin(point *drivers.Point) (*pin, error) {
	if b.closed {
		return nil, fmt.Errorf("%w: bus is closed", errLost)
	}
	b.mu.Lock()
	p := b.points[point]
	b.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := b.request(point)
	if err != nil {
		return nil, refused(err)
	}
	return p, nil
}

// refused is an error of a chip for whoever asked: that of a chip that is lost, or
// never was there, stays as it is.
func refused(err error) error {
	if err == nil || errors.Is(err, errLost) || errors.Is(err, drivers.ErrOffline) {
		return err
	}
	return fmt.Errorf("%w: %w", drivers.ErrRefused, err)
}

// request requests the point's line. The pin is known before its line is, so
// that the first edge finds it.
func (b *bus) request(point *drivers.Point) (*pin, error) {
	count, known := b.settings.counts[point]
	p := newPin(point, count)
	offset, err := b.chip.find(p.at.Line)
	if err != nil {
		return nil, err
	}
	if r, ok := b.chip.(*Tape); ok && !known {
		p.count = r.counts[offset]
	}
	p.offset, p.tap = offset, b.settings.tap
	if err := b.claim(offset, p); err != nil {
		return nil, err
	}
	level, err := b.open(p, offset)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		delete(b.pins, offset)
		return nil, err
	}
	if d, ok := p.line.(debouncer); ok && d.debounced() {
		p.held, p.filter.hold = p.filter.hold, 0
	}
	if !p.filter.known { // no edge was quicker
		p.tell(p.at.Output() && b.initial(p.at) != nil, level, time.Time{})
	}
	p.filter.start(p.at.flip(level))
	b.points[point] = p
	b.log.Debug("line requested", "line", p.at.Line, "offset", offset)
	return p, nil
}

// claim takes an offset for a pin; its edges are the pin's from now on.
func (b *bus) claim(offset int, p *pin) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if owner := b.pins[offset]; owner != nil {
		return fmt.Errorf("%s is the point %s already", p.at, owner.point)
	}
	b.pins[offset] = p
	return nil
}

// open requests the line and reads its level.
func (b *bus) open(p *pin, offset int) (level bool, err error) {
	if p.line, err = b.line(p.at, offset); err != nil {
		return false, err
	}
	if level, err = p.line.get(); err != nil {
		p.line.Close()
	}
	return level, err
}

func (b *bus) line(a *Address, offset int) (line, error) {
	switch {
	case a.Output() && b.settings.looking:
		return b.chip.look(offset)
	case a.Output():
		return b.chip.output(offset, b.initial(a))
	}
	l, err := b.chip.input(offset, a.Bias, a.edges(), a.hold())
	if err == nil || a.Counter() || errors.Is(err, errLost) {
		return l, err
	}
	// A line without interrupts can still be read.
	return b.chip.input(offset, a.Bias, none, 0)
}

// initial is the level that an output begins with; nil keeps it as it is.
func (b *bus) initial(a *Address) *bool {
	if a.Initial == keep || b.settings.looking {
		return nil
	}
	level := a.flip(a.Initial == yes)
	return &level
}
