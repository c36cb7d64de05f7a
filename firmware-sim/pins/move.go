package pins

import (
	"context"
	"time"

	"fieldmq/firmware-sim/faults"
)

const (
	// minPeriod keeps a chip from keeping a processor busy.
	minPeriod = 2 * time.Millisecond
	// mostBehind is how far the wiring is made up for when the machine was
	// busy or asleep.
	mostBehind = 2 * time.Second
	// bounces is how often a contact that bounces closes again; each takes a
	// millisecond.
	bounces = 3
)

// run moves the wiring until ctx ends.
func (c *Chip) run(ctx context.Context) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := c.catchUp(start, time.Since(start))
		timer.Reset(time.Until(start.Add(next)))
	}
}

// catchUp makes every movement that is due, one after the other, and returns
// when the next one is.
func (c *Chip) catchUp(start time.Time, elapsed time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		l := c.nextToMove()
		if l == nil {
			return elapsed + time.Hour
		}
		if l.flips > elapsed {
			return l.flips
		}
		l.flips = max(l.flips, elapsed-mostBehind)
		c.flip(l, start.Add(l.flips))
		l.flips += l.Period / 2
	}
}

// nextToMove is the line whose wiring moves first, nil if none does.
func (c *Chip) nextToMove() *line {
	var next *line
	for i := range c.lines {
		l := &c.lines[i]
		if l.moves() && (next == nil || l.flips < next.flips) {
			next = l
		}
	}
	return next
}

// flip moves a line's wiring; a bad contact bounces.
func (c *Chip) flip(l *line, at time.Time) {
	l.world = !l.world
	c.settle(at)
	if l.Wiring != Contact || !c.faults.Strikes(faults.Noise) {
		return
	}
	for i := range 2 * bounces {
		l.world = !l.world
		c.settle(at.Add(time.Duration(i+1) * time.Millisecond / 2))
	}
}
