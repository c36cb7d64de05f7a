package modbus

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

func TestLateAnswerIsNoAnswerToTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(n int, request []byte) []burst {
			if n == 0 {
				return after(600*time.Millisecond, simulated(request))
			}
			return after(150*time.Millisecond, simulated(request))
		})
		w.loose = true
		d := unitOf(s, 1)
		p, q := point(d, "p", holding(10, Uint16)), point(d, "q", holding(20, Uint16))
		if got := readOne(t, bus, p); !errors.Is(got.Err, drivers.ErrOffline) {
			t.Errorf("got %v, %v", got.Value, got.Err)
		}
		if got := readOne(t, bus, q); got.Err != nil || got.Value != right(q) {
			t.Errorf("got %v, %v; want %v", got.Value, got.Err, right(q))
		}
	})
}

// TestAnswerBeforeItsTimeIsRefused: a second copy of an answer comes while the
// next request is on the line, complete before its own answer can be.
func TestAnswerBeforeItsTimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, _ := onWire(t, s, func(n int, request []byte) []burst {
			good := simulated(request)
			if n < 2*convincing {
				return after(turnaround, good)
			}
			return []burst{{turnaround, good}, {turnaround, good}}
		})
		points := holdings(unitOf(s, 1), 0, 1000)
		for i := range 4 * convincing {
			p := points[i%2]
			if got := readOne(t, bus, p); got.Err != nil || got.Value != right(p) {
				t.Fatalf("read %d: got %v, %v; want %v", i, got.Value, got.Err, right(p))
			}
		}
	})
}

// TestLineThatTakesNoTimeIsBelievedAfterOneLoss: it looked slow because the
// device was.
func TestLineThatTakesNoTimeIsBelievedAfterOneLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(_ int, request []byte) []burst {
			return after(20*time.Millisecond, simulated(request))
		})
		w.loose = true
		d := unitOf(s, 1)
		short, long := holdings(d, 1), holdings(d, 1, 6, 11, 16, 21, 26, 31, 36, 41)
		for range 2 * convincing {
			readOne(t, bus, short[0])
		}
		lost := 0
		for range 10 {
			if strings.Contains(errorsOf(t, bus, long), "no answer") {
				lost++
			}
		}
		if lost != 1 {
			t.Errorf("%d reads of 10 were lost", lost)
		}
	})
}

// TestLateAnswerIsKnownAfterTheBusWasOpenedAgain: the device had the request
// before the adapter was lost.
func TestLateAnswerIsKnownAfterTheBusWasOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		var late []byte
		w := newWire(s, nil)
		w.loose = true
		w.serve = func(request []byte) []burst {
			if late == nil {
				late = simulated(request)
				return nil
			}
			return []burst{{2 * turnaround, late}, {turnaround, simulated(request)}}
		}
		d := unitOf(s, 1)
		points := holdings(d, 100, 10)
		bus := newBus(newRTU(w, s).recalls(&s.known), quiet())
		if got := readOne(t, bus, points[0]); !errors.Is(got.Err, drivers.ErrOffline) {
			t.Fatalf("got %v, %v", got.Value, got.Err)
		}
		bus = newBus(newRTU(w, s).recalls(&s.known), quiet())
		if got := readOne(t, bus, points[1]); got.Err == nil && got.Value != right(points[1]) {
			t.Errorf("got %v, want %v", got.Value, right(points[1]))
		}
		if c := bus.Counts(points[0]); c.Requests != 1 {
			t.Errorf("counted %+v", c)
		}
	})
}
