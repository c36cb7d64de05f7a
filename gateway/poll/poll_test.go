package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

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

func TestDevicesAreLeftAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 10 * time.Millisecond}
		r, stop := start(t, bus, time.Second, time.Second)
		r.cfg.Last = func(device string) []drivers.Command {
			if device != "b" {
				return nil
			}
			return []drivers.Command{{Point: r.point("b"), Value: drivers.Int(9)}}
		}
		time.Sleep(2500 * time.Millisecond)
		stop()
		if got := bus.log[len(bus.log)-1]; got != "write b 9" {
			t.Errorf("the last exchange is %q", got)
		}
	})
}

// picky is a bus that declines the value 0, and what stands behind it.
type picky struct{ talking }

func (b picky) Write(ctx context.Context, commands []drivers.Command) error {
	for i := range commands {
		if commands[i].Value.Int() == 0 {
			return drivers.ErrRefused
		}
		if err := b.talking.Write(ctx, commands[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func TestValueThatIsDeclinedKeepsNoOtherFromADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{wrap: func(b talking) drivers.Bus { return picky{b} }}
		r, stop := start(t, bus, time.Second)
		r.cfg.Last = func(string) (last []drivers.Command) {
			for _, v := range []int64{0, 8, 9} {
				last = append(last, drivers.Command{Point: r.point("a"), Value: drivers.Int(v)})
			}
			return last
		}
		time.Sleep(500 * time.Millisecond)
		stop()
		if want := []string{"write a 8", "write a 9"}; len(bus.log) < 2 || !slices.Equal(bus.log[len(bus.log)-2:], want) {
			t.Errorf("the exchanges are %q, want %q at the end", bus.log, want)
		}
	})
}

// TestPointsThatFailByTurnsAreNoFlood: a report crosses metered links.
func TestPointsThatFailByTurnsAreNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{unasked: make(chan []drivers.Sample)}
		r, stop := start(t, bus, time.Hour)
		for i := range 2 * 60 {
			time.Sleep(500 * time.Millisecond)
			bus.unasked <- []drivers.Sample{{Point: r.point("a"), Time: time.Now(), Err: fmt.Errorf("%d is not a number", i)}}
		}
		synctest.Wait()
		reports := len(r.reports)
		if last := r.last("a").LastError; reports > 10 || !strings.HasSuffix(last, "is not a number") {
			t.Errorf("%d reports in a minute, the last of %q", reports, last)
		}
		stop()
	})
}
