package poll

import (
	"testing"
	"testing/synctest"
	"time"
)

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

func TestLatenessIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 60 * time.Millisecond}
		r, stop := start(t, bus, time.Second)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		s := r.Stats()
		if s.Starts != 11 || s.Late != 0 {
			t.Errorf("alone: %d reads are %v late", s.Starts, s.Late)
		}
		stop()
	})
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 700 * time.Millisecond}
		r, stop := start(t, bus, time.Second, time.Second)
		time.Sleep(20 * time.Second)
		if s := r.Stats(); s.Starts < 20 || s.Late < time.Duration(s.Starts)*50*time.Millisecond {
			t.Errorf("%d reads of a bus that is too slow are %v late", s.Starts, s.Late)
		}
		stop()
	})
}
