package gpio

import (
	"errors"
	"time"

	"fieldmq/drivers"
)

// pin is a point whose line was requested. Below the address all is in values,
// not in levels: active low is undone at the door.
type pin struct {
	point  *drivers.Point
	at     *Address
	line   line
	offset int
	tap    *drivers.Tap  // may be nil
	filter filter        // of an input
	held   time.Duration // that edges have held when the chip tells of them

	count   int64     // of a counter
	counted time.Time // the last edge of count
	fresh   bool      // count has grown since it was told

	meter *meter // of a measurement; else nil
}

func newPin(p *drivers.Point, count int64) *pin {
	a := p.At.(*Address)
	made := &pin{point: p, at: a, filter: filter{hold: a.hold()}, count: count}
	if a.Measure != "" {
		made.meter = &meter{what: a.Measure, window: a.window()}
	}
	return made
}

// edge takes an edge of the line, of which we hear now. It returns a sample
// if the value has changed with it.
func (p *pin) edge(e edge, now time.Time) (drivers.Sample, bool) {
	v := p.at.flip(e.level)
	if p.at.pulses() && p.filter.hold == 0 {
		// Each edge counts by itself: should one be lost, the next still does.
		return p.pass(change{v, e.at}, true)
	}
	return p.pass(p.filter.edge(v, e.at, now))
}

// settle lets a value through that has held for the debounce time.
func (p *pin) settle(now time.Time) (drivers.Sample, bool) {
	return p.pass(p.filter.settle(now))
}

// pass counts a change, or makes it a sample.
func (p *pin) pass(c change, ok bool) (drivers.Sample, bool) {
	switch {
	case !ok:
		return drivers.Sample{}, false
	case p.meter != nil:
		p.meter.edge(c.level, c.at)
		return drivers.Sample{}, false
	case !p.at.Counter():
		return drivers.Sample{Point: p.point, Time: c.at, Value: drivers.Bool(c.level)}, true
	case p.at.counts(c.level):
		p.count++
		p.counted, p.fresh = c.at, true
	}
	return drivers.Sample{}, false
}

// read is the value now that the line has a level. A level that no edge told
// of is taken for an edge of this instant.
func (p *pin) read(level bool, now time.Time) (value drivers.Value, missed drivers.Sample, changed bool) {
	switch {
	case p.at.Output():
		return drivers.Bool(p.at.flip(level)), missed, false
	case p.meter != nil:
		return drivers.Float(p.meter.value(p.at.flip(level), now)), missed, false
	case !p.at.Counter() || p.filter.hold > 0:
		missed, changed = p.edge(edge{level: level, at: now}, now)
	}
	if p.at.Counter() {
		return drivers.Int(p.count), missed, changed
	}
	return drivers.Bool(p.filter.level), missed, changed
}

// told is the count as it has not been told yet.
func (p *pin) told() drivers.Sample {
	p.fresh = false
	return drivers.Sample{Point: p.point, Time: p.counted, Value: drivers.Int(p.count)}
}

// tell tells who listens in of a level, with the instant of its edge if it is one.
func (p *pin) tell(sent, level bool, edge time.Time) {
	l := drivers.Level{Offset: p.offset, Name: p.at.Line, High: level, Edge: edge}
	if !edge.IsZero() {
		l.Held = p.held
	}
	if p.at.Counter() {
		l.Count = p.count
	}
	p.tap.Level(sent, l)
}

// set sets an output.
func (p *pin) set(level bool) error {
	p.tell(true, level, time.Time{})
	return p.line.set(level)
}

// release releases the line. Of a chip that is lost there is nothing left to
// release.
func (p *pin) release() error {
	err := p.line.Close()
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}
