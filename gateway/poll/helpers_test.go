package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"fieldmq/drivers"
)

// place is the address of a point on the fake bus.
type place struct{}

func (place) String() string { return "somewhere" }

func (place) Kind() drivers.Kind { return drivers.KindInt }

func (place) Writable() bool { return true }

// fakeBus answers at once but for what a test changes.
type fakeBus struct {
	mu      sync.Mutex
	took    time.Duration            // by each exchange
	silent  map[string]time.Duration // devices that do not answer, and the time-out
	broken  error                    // the bus is gone, or cannot be opened
	lost    error                    // it can be opened, and is gone at the first read
	opened  int
	closed  int
	log     []string // exchanges in order: "read a", "write a 7"
	value   int64
	unasked chan []drivers.Sample
	wrap    func(talking) drivers.Bus // nil: as it is
}

func (f *fakeBus) Device() drivers.Device { return nil }

func (f *fakeBus) Open(context.Context, *slog.Logger) (drivers.Bus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.opened++
	if f.wrap != nil {
		return f.wrap(talking{f}), nil
	}
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
	took, broken, value := f.took, cmp.Or(f.broken, f.lost), f.value
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
	return startWith(t, bus, slog.New(slog.DiscardHandler), every...)
}

// startWith is start with a log.
func startWith(t *testing.T, bus *fakeBus, log *slog.Logger, every ...time.Duration) (*rig, context.CancelFunc) {
	t.Helper()
	r := &rig{bus: bus}
	cfg := Config{
		Name:     "bus",
		Settings: bus,
		Log:      log,
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
