package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

// place is the address of a point on the fake bus.
type place struct{}

func (place) String() string     { return "somewhere" }
func (place) Kind() drivers.Kind { return drivers.KindInt }
func (place) Writable() bool     { return true }

// fakeBus answers at once but for what a test changes.
type fakeBus struct {
	mu      sync.Mutex
	took    time.Duration            // by each exchange
	silent  map[string]time.Duration // devices that do not answer, and the time-out
	broken  error                    // the bus is gone, or cannot be opened
	opened  int
	closed  int
	log     []string // exchanges in order: "read a", "write a 7"
	value   int64
	unasked chan []drivers.Sample
}

func (f *fakeBus) Device() drivers.Device { return nil }

func (f *fakeBus) Open(context.Context, *slog.Logger) (drivers.Bus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.opened++
	if f.unasked != nil {
		return talking{f}, nil
	}
	return f, nil
}

func (f *fakeBus) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func (f *fakeBus) Read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	f.mu.Lock()
	device := points[0].Device
	f.log = append(f.log, "read "+device)
	timeout, silent := f.silent[device]
	took, broken, value := f.took, f.broken, f.value
	f.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	if silent {
		took = timeout
	}
	time.Sleep(took)
	samples := make([]drivers.Sample, len(points))
	for i, p := range points {
		samples[i] = drivers.Sample{Point: p, Time: time.Now(), Value: drivers.Int(value)}
		if silent {
			samples[i] = drivers.Sample{Point: p, Time: time.Now(), Err: drivers.ErrOffline}
		}
	}
	return samples, ctx.Err()
}

func (f *fakeBus) Write(_ context.Context, commands []drivers.Command) error {
	f.mu.Lock()
	f.log = append(f.log, fmt.Sprint("write ", commands[0].Point.Device, " ", commands[0].Value))
	f.value = commands[0].Value.Int()
	took := f.took
	f.mu.Unlock()
	time.Sleep(took)
	return nil
}

func (f *fakeBus) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeBus) exchanges() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// talking is a bus whose devices speak unasked.
type talking struct{ *fakeBus }

func (b talking) Watch(ctx context.Context, _ []*drivers.Point, emit func([]drivers.Sample) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case samples, open := <-b.unasked:
			if !open {
				return errors.New("unplugged")
			}
			if err := emit(samples); err != nil {
				return err
			}
		}
	}
}

// rig is a loop under test with what it said.
type rig struct {
	*Loop
	bus     *fakeBus
	mu      sync.Mutex
	samples []drivers.Sample
	reports []Health
	asked   []string
}

func (r *rig) good(device string) []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	var times []time.Time
	for _, s := range r.samples {
		if s.Point.Device == device && s.Err == nil {
			times = append(times, s.Time)
		}
	}
	return times
}

// last is the last health reported for the device.
func (r *rig) last(device string) Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range slices.Backward(r.reports) {
		if h.Device == device {
			return h
		}
	}
	return Health{}
}

// start runs a loop over devices named a, b, c ... each read at its interval.
func start(t *testing.T, bus *fakeBus, every ...time.Duration) (*rig, context.CancelFunc) {
	t.Helper()
	r := &rig{bus: bus}
	cfg := Config{
		Name:     "bus",
		Settings: bus,
		Log:      slog.New(slog.DiscardHandler),
		Emit: func(samples []drivers.Sample) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.samples = append(r.samples, samples...)
		},
		Asked: func(device string) { r.asked = append(r.asked, device) },
		Report: func(h Health) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, h)
		},
	}
	for i, e := range every {
		id := string(rune('a' + i))
		cfg.Devices = append(cfg.Devices, Device{ID: id, OfflineAfter: 3, Groups: []Group{
			{Every: e, Points: []*drivers.Point{{Device: id, Name: "p", At: place{}}}},
		}})
	}
	r.Loop = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if bus.closed != bus.opened {
			t.Errorf("the bus was opened %d times and closed %d times", bus.opened, bus.closed)
		}
	}
}

func (r *rig) point(device string) *drivers.Point {
	return r.devices[device].Groups[0].Points[0]
}

func TestScheduleDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, stop := start(t, &fakeBus{took: 30 * time.Millisecond}, 100*time.Millisecond)
		time.Sleep(10*time.Second + 50*time.Millisecond)
		stop()
		times := r.good("a")
		if len(times) != 101 {
			t.Fatalf("%d samples in ten seconds, want 101", len(times))
		}
		for i, at := range times {
			want := began.Add(time.Duration(i)*100*time.Millisecond + 30*time.Millisecond)
			if !at.Equal(want) {
				t.Fatalf("sample %d at %v, want %v", i, at.Sub(began), want.Sub(began))
			}
		}
	})
}

func TestEqualIntervalsFallApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, stop := start(t, &fakeBus{}, time.Second, time.Second, time.Second, time.Second)
		time.Sleep(5 * time.Second)
		stop()
		for i, device := range []string{"a", "b", "c", "d"} {
			times := r.good(device)
			at := times[len(times)-1].Sub(began) % time.Second
			if want := time.Duration(i) * 250 * time.Millisecond; at != want {
				t.Errorf("device %s is read %v into the second, want %v", device, at, want)
			}
		}
	})
}

func TestFirstValuesComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, &fakeBus{}, time.Hour, time.Hour)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		for _, device := range []string{"a", "b"} {
			if got := len(r.good(device)); got != 1 {
				t.Errorf("device %s has %d samples after a millisecond, want 1", device, got)
			}
		}
		stop()
	})
}

func TestMissedInstantsAreCountedNotMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, &fakeBus{took: 350 * time.Millisecond}, 100*time.Millisecond)
		time.Sleep(4 * time.Second)
		stop()
		if got := len(r.good("a")); got != 10 {
			t.Errorf("%d samples, want 10", got)
		}
		if got := r.Stats().Missed; got != 30 {
			t.Errorf("%d instants missed, want 30", got)
		}
	})
}

func TestSilentDeviceGoesOfflineAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{silent: map[string]time.Duration{}}
		r, stop := start(t, bus, time.Second, time.Second)
		time.Sleep(1900 * time.Millisecond)
		synctest.Wait()
		if !r.last("a").Online {
			t.Fatal("a answers and is not online")
		}
		bus.set(func() { bus.silent["a"] = 100 * time.Millisecond })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !r.last("a").Online {
			t.Error("a is offline after two polls without an answer, want three")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if h := r.last("a"); h.Online || h.Reason != "no answer" || h.Failed != 3 {
			t.Errorf("after three polls without an answer: %+v", h)
		}
		bus.set(func() { delete(bus.silent, "a") })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if h := r.last("a"); !h.Online || h.Reason != "" {
			t.Errorf("a answers again: %+v", h)
		}
		stop()
	})
}

func TestSilentDeviceTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 10 * time.Millisecond, silent: map[string]time.Duration{"b": time.Second}}
		r, stop := start(t, bus, 100*time.Millisecond, 100*time.Millisecond)
		time.Sleep(20 * time.Minute)
		stop()
		if got, want := len(r.good("a")), 12000*97/100; got < want {
			t.Errorf("a was read %d times beside a dead device, want %d", got, want)
		}
		if h := r.last("b"); h.Failed < 15 {
			t.Errorf("b was asked %d times in twenty minutes, want at least 15", h.Failed)
		}
	})
}

func TestLonelySilentDeviceIsAskedAsAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{silent: map[string]time.Duration{"a": 300 * time.Millisecond}}
		r, stop := start(t, bus, time.Second)
		time.Sleep(time.Minute)
		bus.set(func() { delete(bus.silent, "a") })
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if !r.last("a").Online {
			t.Error("a answers again and is not online after one interval")
		}
		stop()
	})
}

func TestWritesGoAheadAndAreReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 10 * time.Millisecond}
		r, stop := start(t, bus, time.Hour, time.Hour)
		time.Sleep(5 * time.Millisecond) // a is being read, b is due
		if err := r.Do(t.Context(), drivers.Command{Point: r.point("a"), Value: drivers.Int(7)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		got := bus.exchanges()
		want := []string{"read a", "write a 7", "read b", "read a"}
		if !slices.Equal(got, want) {
			t.Errorf("exchanges %q, want %q", got, want)
		}
		if v := r.samples[len(r.samples)-1].Value; v != drivers.Int(7) {
			t.Errorf("read back %v, want 7", v)
		}
	})
}

func TestExpiredOrderIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: time.Second}
		r, stop := start(t, bus, time.Hour)
		time.Sleep(time.Millisecond) // the bus is busy for another second
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		err := r.Do(ctx, drivers.Command{Point: r.point("a"), Value: drivers.Int(7)})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		time.Sleep(time.Minute)
		stop()
		if got := bus.exchanges(); len(got) != 1 {
			t.Errorf("exchanges %q, want one read", got)
		}
	})
}

func TestFloodOfWritesLeavesReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 10 * time.Millisecond}
		r, stop := start(t, bus, 100*time.Millisecond)
		flooding, end := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for range 20 {
			writers.Go(func() {
				for flooding.Err() == nil {
					r.Do(flooding, drivers.Command{Point: r.point("a"), Value: drivers.Int(1)})
				}
			})
		}
		time.Sleep(10 * time.Second)
		end()
		writers.Wait()
		stop()
		if got := len(r.good("a")); got < 90 {
			t.Errorf("%d reads in ten seconds under a flood of writes, want at least 90", got)
		}
	})
}

func TestPollNowReadsAllGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{silent: map[string]time.Duration{}}
		r, stop := start(t, bus, time.Hour, time.Hour)
		time.Sleep(time.Minute)
		if err := r.Poll(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		if !slices.Equal(r.asked, []string{"b"}) {
			t.Errorf("asked for %q, want b", r.asked)
		}
		bus.set(func() { bus.silent["b"] = time.Second })
		if err := r.Poll(t.Context(), "b"); !errors.Is(err, drivers.ErrOffline) {
			t.Errorf("a silent device: got %v, want no answer", err)
		}
		if err := r.Poll(t.Context(), "nobody"); err == nil {
			t.Error("an unknown device was polled")
		}
		stop()
		want := []string{"read a", "read b", "read b", "read b"}
		if got := bus.exchanges(); !slices.Equal(got, want) {
			t.Errorf("exchanges %q, want %q", got, want)
		}
	})
}

func TestLostBusIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{}
		r, stop := start(t, bus, time.Second)
		time.Sleep(time.Minute + time.Millisecond)
		bus.set(func() { bus.broken = errors.New("adapter is gone") })
		time.Sleep(time.Minute)
		synctest.Wait()
		if h := r.last("a"); h.Online || h.Reason != "adapter is gone" {
			t.Errorf("without its bus: %+v", h)
		}
		if err := r.Do(t.Context(), drivers.Command{Point: r.point("a")}); !errors.Is(err, drivers.ErrOffline) {
			t.Errorf("a write without a bus: %v", err)
		}
		bus.set(func() { bus.broken = nil })
		time.Sleep(longRetry + time.Second)
		synctest.Wait()
		if !r.last("a").Online {
			t.Error("the bus is back and its device is not online")
		}
		stop()
		if bus.opened != 2 {
			t.Errorf("opened %d times, want 2", bus.opened)
		}
	})
}

func TestBusThatNeverOpensSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, &fakeBus{broken: errors.New("no such port")}, time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		if h := r.last("a"); h.Online || h.Reason != "no such port" {
			t.Errorf("got %+v", h)
		}
		if s := r.samples[0]; !errors.Is(s.Err, drivers.ErrOffline) || s.Err.Error() != "no answer" {
			t.Errorf("got sample error %v", s.Err)
		}
		stop()
	})
}

func TestUnaskedSamplesKeepADeviceOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{unasked: make(chan []drivers.Sample), silent: map[string]time.Duration{"a": time.Millisecond}}
		r, stop := start(t, bus, time.Second)
		for range 20 {
			time.Sleep(500 * time.Millisecond)
			bus.unasked <- []drivers.Sample{{Point: r.point("a"), Time: time.Now(), Value: drivers.Int(5)}}
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if !r.last("a").Online || len(r.good("a")) != 20 {
			t.Errorf("%+v, %d samples of 20", r.last("a"), len(r.good("a")))
		}
		close(bus.unasked) // the watch ends: the bus is lost
		bus.set(func() { bus.broken = errors.New("unplugged") })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if h := r.last("a"); h.Online || h.Reason != "unplugged" {
			t.Errorf("after the watch ended: %+v", h)
		}
		stop()
	})
}
