// Package driverstest holds what every driver must do, as package fstest does
// for file systems. A driver's own test says how to set up a bus of its kind
// and calls Run.
package driverstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"fieldmq/drivers"
)

// Bench is a bus to be tested, with something at its other end that the
// driver's author did not write, or a script. What a kind of bus does not have
// stays nil, and is not tested.
type Bench struct {
	// Settings opens the bus. Required.
	Settings drivers.Settings
	// Points are points of one device that answers. Required, two or more.
	Points []*drivers.Point
	// Values are what Points read, in the same order; nil if nobody knows.
	Values []drivers.Value

	// Refused is a point of the same device that the device declines.
	Refused *drivers.Point
	// Silent are points of a device that does not answer.
	Silent []*drivers.Point
	// Waiting are such points too, but with a time-out of a minute or more.
	Waiting []*drivers.Point
	// Commands are writes to one device whose values can be read back.
	Commands []drivers.Command
	// Impossible is a write of a value that its point cannot hold.
	Impossible []drivers.Command

	// Unplug takes the whole bus away.
	Unplug func()
	// Speak makes the device say something that Watch must hear of Points.
	Speak func()
}

// long is how long a test waits for what should come at once; short of that
// nothing is measured, because machines are slow at times.
const long = 20 * time.Second

// Run tests a driver. It sets a new bench up for each fact.
func Run(t *testing.T, setup func(t *testing.T) Bench) {
	facts := []struct {
		name string
		test func(*testing.T, Bench)
		can  func(Bench) bool
	}{
		{"ReadGivesOneSampleAPointInOrder", readsInOrder, always},
		{"ReadRepeats", readRepeats, always},
		{"ClosedBusOpensAgain", opensAgain, always},
		{"NoGoroutineOutlivesTheBus", leaksNothing, always},
		{"EndedContextOpensNothing", opensNothing, always},
		{"EndedContextEndsRead", endsRead, always},
		{"ContextEndsAWaitingRead", endsWaiting, func(b Bench) bool { return b.Waiting != nil }},
		{"RefusedPointKeepsItsNeighbours", keepsNeighbours, func(b Bench) bool { return b.Refused != nil }},
		{"SilentDeviceIsOfflineAndTheBusIsNot", silentDevice, func(b Bench) bool { return b.Silent != nil }},
		{"WrittenValuesReadBack", readsBack, func(b Bench) bool { return b.Commands != nil }},
		{"EndedContextWritesNothing", writesNothing, func(b Bench) bool { return b.Commands != nil }},
		{"ImpossibleValueIsRefused", refusesValue, func(b Bench) bool { return b.Impossible != nil }},
		{"WriteToASilentDeviceIsOffline", writesSilence, func(b Bench) bool { return b.Silent != nil && b.Silent[0].At.Writable() }},
		{"UnpluggedBusIsAnError", unplugged, func(b Bench) bool { return b.Unplug != nil }},
		{"WatchHearsWhatIsSaidBesideReads", watchHears, func(b Bench) bool { return b.Speak != nil }},
		{"WatchEndsWithItsContext", watchEnds, func(b Bench) bool { return b.Speak != nil }},
		{"ReleasedPointsCanBeHadAgain", releases, always},
		{"CloseEndsAWatch", closeEndsWatch, func(b Bench) bool { return b.Speak != nil }},
	}
	for _, f := range facts {
		t.Run(f.name, func(t *testing.T) {
			b := setup(t)
			if b.Settings == nil || len(b.Points) < 2 {
				t.Fatal("a bench needs Settings and two or more Points")
			}
			if f.can(b) {
				f.test(t, b)
			}
		})
	}
}

func always(Bench) bool { return true }

// open opens a bus that is closed at the end of the test.
func open(t *testing.T, s drivers.Settings) drivers.Bus {
	t.Helper()
	bus := openOnly(t, s)
	t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return bus
}

func openOnly(t *testing.T, s drivers.Settings) drivers.Bus {
	t.Helper()
	bus, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return bus
}

// read reads and checks what holds for all samples.
func read(t *testing.T, bus drivers.Bus, points []*drivers.Point) []drivers.Sample {
	t.Helper()
	began := time.Now()
	samples, err := bus.Read(t.Context(), points)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if err := checkSamples(points, samples, began, time.Now()); err != nil {
		t.Fatal(err)
	}
	return samples
}

func checkSamples(points []*drivers.Point, samples []drivers.Sample, began, ended time.Time) error {
	if len(samples) != len(points) {
		return fmt.Errorf("%d samples for %d points", len(samples), len(points))
	}
	for i, s := range samples {
		switch {
		case s.Point != points[i]:
			return fmt.Errorf("sample %d is of %v, not of %v", i, s.Point, points[i])
		case s.Time.IsZero() || s.Time.After(ended):
			return fmt.Errorf("%v: time %v is not before %v", s.Point, s.Time, ended)
		case s.Err != nil: // of which the driver may remember an older one
		case s.Time.Before(began):
			return fmt.Errorf("%v: time %v is not after %v", s.Point, s.Time, began)
		case s.Value.Kind().String() != s.Point.At.Kind().String():
			return fmt.Errorf("%v: a value of kind %v, but Kind is %v", s.Point, s.Value.Kind(), s.Point.At.Kind())
		}
	}
	return nil
}

// good fails the test unless all samples have the values of the bench.
func good(t *testing.T, b Bench, samples []drivers.Sample) {
	t.Helper()
	for i, s := range samples {
		if s.Err != nil {
			t.Errorf("%v: %v", s.Point, s.Err)
		} else if b.Values != nil && s.Value != b.Values[i] {
			t.Errorf("%v: got %v, want %v", s.Point, s.Value, b.Values[i])
		}
	}
}

// allOffline fails the test unless all samples wrap ErrOffline.
func allOffline(t *testing.T, samples []drivers.Sample) {
	t.Helper()
	for _, s := range samples {
		if !errors.Is(s.Err, drivers.ErrOffline) {
			t.Errorf("%v: got error %v, want one that wraps ErrOffline", s.Point, s.Err)
		}
	}
}

// soon fails the test unless f ends.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(long):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s does not end\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// cancelled is a context that ends after d.
func cancelled(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}
