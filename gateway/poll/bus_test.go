package poll

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

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

// TestDeviceThatNeedsAMomentAfterItsBusIsBackIsAskedAgainSoon: time-outs that
// never were are no reason to leave it alone.
func TestDeviceThatNeedsAMomentAfterItsBusIsBackIsAskedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{silent: map[string]time.Duration{}}
		r, stop := start(t, bus, time.Second, time.Second)
		time.Sleep(10 * time.Second)
		bus.set(func() { bus.broken = errors.New("adapter is gone") })
		time.Sleep(time.Minute)
		bus.set(func() { bus.broken, bus.log, bus.silent["a"] = nil, nil, 200*time.Millisecond })
		for !slices.Contains(bus.exchanges(), "read a") {
			time.Sleep(10 * time.Millisecond)
		}
		bus.set(func() { delete(bus.silent, "a") })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if h := r.last("a"); !h.Online {
			t.Errorf("its first answer was missed, and it is not asked again: %+v", h)
		}
		stop()
	})
}

// TestBusThatOpensInVainIsTriedLessAndLess: a peer that takes connections and
// never answers is told of once, and not asked four times a second.
func TestBusThatOpensInVainIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{lost: errors.New("it speaks something else")}
		var log bytes.Buffer
		r, stop := startWith(t, bus, slog.New(slog.NewTextHandler(&log, nil)), 100*time.Millisecond)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		bus.set(func() {
			if bus.opened > 5*60*2/10+10 {
				t.Errorf("opened %d times in five minutes", bus.opened)
			}
			bus.lost = nil
		})
		time.Sleep(longRetry)
		synctest.Wait()
		if !r.last("a").Online {
			t.Error("the bus is well and its device is not online")
		}
		bus.set(func() { bus.lost = errors.New("it speaks something else") })
		time.Sleep(time.Second)
		synctest.Wait()
		bus.set(func() { bus.lost = nil })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !r.last("a").Online {
			t.Error("a bus that was well is not opened again soon")
		}
		stop()
		if n := strings.Count(log.String(), "bus is down"); n != 2 {
			t.Errorf("two outages are told of %d times:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "bus open"); n > 6 {
			t.Errorf("%d times it is told that the bus is open:\n%s", n, log.String())
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

func TestGuestsAndReadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{}
		// The reads alone would fill the bus, and so would the guests.
		r, stop := start(t, bus, 10*time.Millisecond)
		bus.set(func() { bus.took = 10 * time.Millisecond })
		visiting, end := context.WithCancel(t.Context())
		served := make([]int, 4)
		var guests sync.WaitGroup
		for i := range served {
			guests.Go(func() {
				for visiting.Err() == nil {
					err := r.Exchange(visiting, func(context.Context, drivers.Bus) error {
						time.Sleep(10 * time.Millisecond)
						return nil
					})
					if err == nil {
						served[i]++
					}
				}
			})
		}
		time.Sleep(20 * time.Second)
		end()
		guests.Wait()
		stop()
		if got := len(r.good("a")); got < 950 || got > 1050 {
			t.Errorf("%d reads beside guests in twenty seconds, want half of 2000", got)
		}
		for i, n := range served {
			if n < 230 || n > 270 {
				t.Errorf("guest %d was served %d times, want a quarter of 1000", i, n)
			}
		}
		if lent := r.Stats().Lent; lent < 950 {
			t.Errorf("%d exchanges are counted", lent)
		}
	})
}

func TestGuestWithoutABusLearnsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, &fakeBus{broken: errors.New("no such port")}, time.Second)
		time.Sleep(time.Second)
		err := r.Exchange(t.Context(), func(context.Context, drivers.Bus) error { panic("there is no bus") })
		if !errors.Is(err, drivers.ErrOffline) || !strings.Contains(err.Error(), "no such port") {
			t.Errorf("got %v", err)
		}
		stop()
	})
}

func TestGuestThatLosesTheBusHasItOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{}
		r, stop := start(t, bus, time.Second)
		time.Sleep(time.Millisecond)
		err := r.Exchange(t.Context(), func(context.Context, drivers.Bus) error { return drivers.ErrBus })
		if !errors.Is(err, drivers.ErrBus) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		stop()
		if bus.opened != 2 {
			t.Errorf("opened %d times, want 2", bus.opened)
		}
	})
}
