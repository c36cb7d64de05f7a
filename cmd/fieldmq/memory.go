package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// spareMemory has the garbage collector run more often once there is much to keep,
// as when a million messages wait for an upstream: garbage may take as much room as
// what is kept while that is little, then what is left of twice that room, and less
// than a third of what is kept when it is a lot. An edge box has other uses for its
// memory. Whoever sets GOGC knows better.
func spareMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	tune := &tuner{percent: standard}
	tune.live[0].Name = "/gc/heap/live:bytes"
	tune.watch()
}

const (
	standard = 100 // percent of what is kept, Go's own
	thrifty  = 30
	roomy    = 8 << 20 // bytes: with less kept the standard is right
)

// tuner looks after each collection how often the next ones shall be.
type tuner struct {
	live    [1]metrics.Sample
	percent int
}

// collected is garbage: its finalizer runs after each collection, and needs no
// goroutine. It has a pointer so that it is not allocated together with others.
type collected struct{ _ *collected }

func (t *tuner) watch() { runtime.SetFinalizer(&collected{}, func(*collected) { t.tune() }) }

func (t *tuner) tune() {
	metrics.Read(t.live[:])
	if percent := percentFor(t.live[0].Value.Uint64()); percent != t.percent {
		t.percent = percent
		debug.SetGCPercent(percent)
	}
	t.watch()
}

// percentFor is how much garbage there may be beside so many bytes that are kept.
func percentFor(live uint64) int {
	if live <= roomy {
		return standard
	}
	if live >= 2*roomy {
		return thrifty
	}
	const step = 10 // so that it does not change all the time
	return max(thrifty, int(standard*(2*roomy-live)/live)/step*step)
}
