package poll

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

// wide is a bus that asks several devices at a time, and counts.
type wide struct {
	talking
	width int
}

func (w wide) Width() int { return w.width }

func (w wide) ReadAll(ctx context.Context, groups [][]*drivers.Point) ([][]drivers.Sample, error) {
	samples := make([][]drivers.Sample, len(groups))
	var all sync.WaitGroup
	for i, points := range groups {
		all.Go(func() { samples[i], _ = w.Read(ctx, points) })
	}
	all.Wait()
	return samples, ctx.Err()
}

func (w wide) Counts(of *drivers.Point) drivers.Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := uint64(0)
	for _, said := range w.log {
		if said == "read "+of.Device {
			n++
		}
	}
	return drivers.Counts{Requests: n}
}

func TestDevicesOfAWideBusAreReadAtTheSameTime(t *testing.T) {
	for name, c := range map[string]struct {
		width    int
		at, most int // reads of device d in a second
	}{
		"together":   {4, 8, 10},
		"in two":     {2, 4, 6},
		"one by one": {1, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const every = 100 * time.Millisecond
				bus := &fakeBus{took: 90 * time.Millisecond}
				bus.wrap = func(b talking) drivers.Bus { return wide{b, c.width} }
				r, stop := start(t, bus, every, every, every, every)
				defer stop()
				time.Sleep(time.Second)
				// The first reads come at once, and then by their phases.
				if got := len(r.good("d")); got < c.at || got > c.most+1 {
					t.Errorf("%d reads of d in a second, want %d to %d", got, c.at, c.most)
				}
				if busy := r.Stats().Busy; busy > time.Second {
					t.Errorf("busy for %v in a second", busy)
				}
			})
		})
	}
}

func TestSilentDeviceOfAWideBusIsOfflineAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: time.Millisecond, silent: map[string]time.Duration{"b": 300 * time.Millisecond}}
		bus.wrap = func(b talking) drivers.Bus { return wide{b, 4} }
		r, stop := start(t, bus, time.Second, time.Second, time.Second)
		defer stop()
		time.Sleep(time.Minute)
		if r.last("b").Online || !r.last("a").Online || !r.last("c").Online {
			t.Errorf("%+v %+v %+v", r.last("a"), r.last("b"), r.last("c"))
		}
		if trip := r.last("a").RoundTrip; trip > 10*time.Millisecond {
			t.Errorf("round trip of %v, the time-out of another device", trip)
		}
	})
}

func TestCountsOutliveTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: time.Millisecond}
		bus.wrap = func(b talking) drivers.Bus { return wide{b, 1} }
		r, stop := start(t, bus, time.Second)
		defer stop()
		time.Sleep(10*time.Second + 500*time.Millisecond)
		bus.set(func() { bus.log, bus.broken = nil, errors.New("unplugged") })
		time.Sleep(2 * time.Second)
		bus.set(func() { bus.log, bus.broken = nil, nil })
		time.Sleep(2 * time.Minute)
		if got := r.last("a").Counts.Requests; got < 60 {
			t.Errorf("%d requests are counted", got)
		}
	})
}
