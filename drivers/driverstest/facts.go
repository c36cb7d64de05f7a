package driverstest

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"fieldmq/drivers"
)

func readsInOrder(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	good(t, b, read(t, bus, b.Points))

	backwards := b
	backwards.Points = slices.Clone(b.Points)
	slices.Reverse(backwards.Points)
	if b.Values != nil {
		backwards.Values = slices.Clone(b.Values)
		slices.Reverse(backwards.Values)
	}
	good(t, backwards, read(t, bus, backwards.Points))
}

func readRepeats(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	for range 3 {
		samples := read(t, bus, b.Points)
		good(t, b, samples)
		clear(samples) // they are ours; the driver keeps no hold of them
	}
}

func opensAgain(t *testing.T, b Bench) {
	for range 2 {
		bus := openOnly(t, b.Settings)
		good(t, b, read(t, bus, b.Points))
		if err := bus.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

func leaksNothing(t *testing.T, b Bench) {
	before := runtime.NumGoroutine()
	bus := openOnly(t, b.Settings)
	read(t, bus, b.Points)
	if err := bus.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	for deadline := time.Now().Add(long); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

func opensNothing(t *testing.T, b Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	bus, err := b.Settings.Open(ctx, slog.New(slog.DiscardHandler))
	if err == nil {
		bus.Close()
		t.Error("an ended context opened the bus")
	}
}

func endsRead(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	soon(t, "Read with an ended context", func() { bus.Read(ctx, b.Points) })
	good(t, b, read(t, bus, b.Points)) // and the bus has taken no harm
}

func endsWaiting(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	ctx := cancelled(t, 50*time.Millisecond)
	soon(t, "Read whose context ended", func() { bus.Read(ctx, b.Waiting) })
	good(t, b, read(t, bus, b.Points))
}

func keepsNeighbours(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	points := slices.Insert(slices.Clone(b.Points), 1, b.Refused)
	for range 3 { // what is learned of it changes nothing
		samples := read(t, bus, points)
		if err := samples[1].Err; !errors.Is(err, drivers.ErrRefused) || errors.Is(err, drivers.ErrOffline) {
			t.Errorf("%v: got error %v, want one that wraps ErrRefused", b.Refused, err)
		}
		good(t, b, slices.Delete(samples, 1, 2))
	}
}

func silentDevice(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	for range 2 {
		allOffline(t, read(t, bus, b.Silent))
		good(t, b, read(t, bus, b.Points))
	}
}

func readsBack(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	if err := bus.Write(t.Context(), b.Commands); err != nil {
		t.Fatalf("write: %v", err)
	}
	points := make([]*drivers.Point, len(b.Commands))
	for i, c := range b.Commands {
		points[i] = c.Point
	}
	for i, s := range read(t, bus, points) {
		if s.Err != nil || s.Value != b.Commands[i].Value {
			t.Errorf("%v: wrote %v, read %v, %v", s.Point, b.Commands[i].Value, s.Value, s.Err)
		}
	}
}

func writesNothing(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bus.Write(ctx, b.Commands); !errors.Is(err, context.Canceled) || errors.Is(err, drivers.ErrBus) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

func refusesValue(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	err := bus.Write(t.Context(), b.Impossible)
	if err == nil || errors.Is(err, drivers.ErrOffline) || errors.Is(err, drivers.ErrBus) {
		t.Errorf("got error %v", err)
	}
	good(t, b, read(t, bus, b.Points))
}

func writesSilence(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	value := drivers.Int(1)
	if b.Silent[0].At.Kind() == drivers.KindBool {
		value = drivers.Bool(true)
	}
	err := bus.Write(t.Context(), []drivers.Command{{Point: b.Silent[0], Value: value}})
	if !errors.Is(err, drivers.ErrOffline) || errors.Is(err, drivers.ErrBus) {
		t.Errorf("got error %v, want one that wraps ErrOffline", err)
	}
	good(t, b, read(t, bus, b.Points))
}

// unplugged allows for a connection that is made again in vain: an error must
// come, at the latest after a few reads, and never a value.
func unplugged(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	read(t, bus, b.Points)
	b.Unplug()
	for range 5 {
		samples, err := bus.Read(t.Context(), b.Points)
		if err != nil {
			return
		}
		allOffline(t, samples)
	}
	t.Error("the bus is gone, and Read does not say so")
}

// watching runs Watch until the test ends, and hands on what it hears and how
// it ended.
func watching(t *testing.T, ctx context.Context, w drivers.Watcher, points []*drivers.Point) (heard chan []drivers.Sample, ended chan error) {
	t.Helper()
	heard, ended = make(chan []drivers.Sample, 64), make(chan error, 1)
	go func() {
		ended <- w.Watch(ctx, points, func(samples []drivers.Sample) error {
			select {
			case heard <- samples:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	return heard, ended
}

func watcher(t *testing.T, bus drivers.Bus) drivers.Watcher {
	t.Helper()
	w, ok := bus.(drivers.Watcher)
	if !ok {
		t.Fatal("the bench speaks, but the bus is no Watcher")
	}
	return w
}

func watchHears(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := watching(t, ctx, watcher(t, bus), b.Points)
	defer func() { cancel(); <-ended }()
	// Said again and again, because nobody knows when Watch listens.
	for deadline := time.Now().Add(long); time.Now().Before(deadline); {
		b.Speak()
		if _, err := bus.Read(ctx, b.Points); err != nil {
			t.Fatalf("read beside watch: %v", err)
		}
		select {
		case samples := <-heard:
			for _, s := range samples {
				if !slices.Contains(b.Points, s.Point) || s.Time.IsZero() {
					t.Errorf("heard %v at %v", s.Point, s.Time)
				}
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("nothing was heard")
}

func watchEnds(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	for range 2 { // it may be called again
		_, ended := watching(t, cancelled(t, 20*time.Millisecond), watcher(t, bus), b.Points)
		endsWell(t, ended)
	}
}

// releases: what is held for a point can be given back, its neighbours keep
// theirs, and another point of the same place can have it.
func releases(t *testing.T, b Bench) {
	bus := open(t, b.Settings)
	good(t, b, read(t, bus, b.Points))
	r, ok := bus.(drivers.Releaser)
	if !ok {
		return // it holds nothing
	}
	if err := r.Release(b.Points[:1]); err != nil {
		t.Fatalf("release: %v", err)
	}
	rest := b
	rest.Values = b.Values[min(1, len(b.Values)):]
	good(t, rest, read(t, bus, b.Points[1:]))
	again := *b.Points[0]
	samples := read(t, bus, []*drivers.Point{&again})
	if s := samples[0]; s.Err != nil && b.Speak == nil { // one that speaks by itself may have said nothing since
		t.Errorf("%v: %v", s.Point, s.Err)
	}
}

func closeEndsWatch(t *testing.T, b Bench) {
	bus := openOnly(t, b.Settings)
	heard, ended := watching(t, t.Context(), watcher(t, bus), b.Points)
	for begun := false; !begun; { // it listens once it has heard something
		b.Speak()
		select {
		case <-heard:
			begun = true
		case <-time.After(10 * time.Millisecond):
		case err := <-ended:
			t.Fatalf("watch ended: %v", err)
		}
	}
	if err := bus.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	endsWell(t, ended)
}

func endsWell(t *testing.T, ended chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("watch: %v", err)
		}
	case <-time.After(long):
		t.Error("watch does not end")
	}
}
