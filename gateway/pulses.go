package gateway

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"fieldmq/drivers"
)

// pulses keep over restarts what lines of a chip have counted: the chip itself
// forgets it. What is told is kept before, so that kill -9 never makes a count go
// back behind what somebody has seen: it costs what was counted since. It belongs to
// the goroutine of the bus's loop.
type pulses struct {
	counter counter // nil: the bus counts nothing
	keeper  Keeper
	log     *slog.Logger
	last    map[string]int64 // by key
	kept    map[string]int64
	saved   time.Time
	failed  bool // the last count could not be kept, and the log says so
}

// counter is a bus's settings whose lines count.
type counter interface {
	// SetCount lets a counter go on from a count. The bus is not open, or its
	// loop calls it.
	SetCount(p *drivers.Point, count int64)
	// Count is what a counter had when the bus was closed.
	Count(p *drivers.Point) (count int64, ok bool)
}

// pulsesEvery is how often counts are written that grow and are not told.
const pulsesEvery = time.Minute

func newPulses(settings drivers.Settings, keeper Keeper, log *slog.Logger) *pulses {
	c, _ := settings.(counter)
	return &pulses{counter: c, keeper: keeper, log: log, last: map[string]int64{}, kept: map[string]int64{}, saved: time.Now()}
}

func pulsesKey(p *drivers.Point) string { return "gpio/" + p.Device + "/" + p.Name }

// counting says whether a point is a counter of pulses.
func counting(p *drivers.Point) bool {
	at, ok := p.At.(interface{ Counter() bool })
	return ok && at.Counter()
}

// recall lets the counters of a bus go on from where they were.
func (c *pulses) recall(bus *Bus) {
	if c.counter == nil {
		return
	}
	for _, p := range bus.points() {
		key := pulsesKey(p)
		text := c.keeper.Get(key)
		count, err := strconv.ParseInt(string(text), 10, 64)
		if !counting(p) || text == nil {
			continue
		}
		if err != nil {
			c.log.Error("a kept count is no number, it begins anew", "point", p, "kept", string(text))
			continue
		}
		if now, known := c.last[key]; known { // the line goes on under another point
			count = now
		}
		c.last[key], c.kept[key] = count, count
		c.counter.SetCount(p, count)
	}
}

// take notes what was counted. If something is about to be told, it writes every
// count that has grown first: the state of a device tells of older samples, too.
// That is one write for a line and batch at most.
func (c *pulses) take(samples []drivers.Sample, told bool) {
	if c.counter == nil {
		return
	}
	for _, s := range samples {
		if s.Err == nil && counting(s.Point) {
			c.last[pulsesKey(s.Point)] = s.Value.Int()
		}
	}
	if told || time.Since(c.saved) >= pulsesEvery {
		c.save()
	}
}

// end notes what the bus had when it was closed, and writes all.
func (c *pulses) end(bus *Bus) {
	if c.counter == nil {
		return
	}
	for _, p := range bus.points() {
		if count, ok := c.counter.Count(p); ok && counting(p) {
			c.last[pulsesKey(p)] = count
		}
	}
	c.save()
}

// save writes the counts that have grown.
func (c *pulses) save() {
	c.saved = time.Now()
	for _, key := range slices.Sorted(maps.Keys(c.last)) {
		count := c.last[key]
		if was, kept := c.kept[key]; kept && was == count {
			continue
		}
		err := c.keeper.Put(key, strconv.AppendInt(nil, count, 10))
		if err != nil && !c.failed {
			c.log.Error("counts are not kept, a restart would lose what was counted from now on", "key", key, "error", err)
		}
		if c.failed = err != nil; c.failed {
			return // the next ones would fail alike, and all are tried again
		}
		c.kept[key] = count
	}
}
