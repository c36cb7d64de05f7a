package broker

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers calls functions at their times, one after the other, from the one
// goroutine that runs it. Ten thousand of them cost it no more than one wake
// at a time.
type timers struct {
	wake chan struct{} // one place: a wake that is pending is enough

	mu   sync.Mutex
	heap timerHeap
}

// timer is one of them. It is set again and again rather than made anew.
type timer struct {
	at    time.Time
	fire  func(now time.Time) (next time.Time) // zero: not again
	index int                                  // in the heap plus one; 0: not set
}

func newTimers() *timers { return &timers{wake: make(chan struct{}, 1)} }

// set makes t fire at a time, instead of one that was set before.
func (ts *timers) set(t *timer, at time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.at = at
	if t.index == 0 {
		heap.Push(&ts.heap, t)
	} else {
		heap.Fix(&ts.heap, t.index-1)
	}
	if t.index == 1 {
		select {
		case ts.wake <- struct{}{}:
		default:
		}
	}
}

// stop takes t out. It may be firing at this moment.
func (ts *timers) stop(t *timer) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.index != 0 {
		heap.Remove(&ts.heap, t.index-1)
	}
}

// run fires timers until ctx ends.
func (ts *timers) run(ctx context.Context) {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		alarm.Reset(time.Until(ts.fireDue()))
		select {
		case <-ctx.Done():
			return
		case <-ts.wake:
		case <-alarm.C:
		}
	}
}

// fireDue fires what is due and returns when the next one will be.
func (ts *timers) fireDue() time.Time {
	for {
		now := time.Now()
		t, next := ts.due(now)
		if t == nil {
			return next
		}
		if again := t.fire(now); !again.IsZero() {
			ts.set(t, again)
		}
	}
}

func (ts *timers) due(now time.Time) (*timer, time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.heap) == 0 {
		return nil, now.Add(time.Hour)
	}
	if first := ts.heap[0]; first.at.After(now) {
		return nil, first.at
	}
	return heap.Pop(&ts.heap).(*timer), time.Time{}
}

// timerHeap implements heap.Interface, the earliest first.
type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h) + 1
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	return t
}
