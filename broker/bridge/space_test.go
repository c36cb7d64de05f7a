package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/store"
)

// TestAFullStoreDropsAsThePolicySays fills the store while nobody takes what is in it:
// the gateway's own messages are accounted for, and there is room again.
func TestAFullStoreDropsAsThePolicySays(t *testing.T) {
	for _, full := range []string{dropOldest, dropNewest, refuse} {
		t.Run(full, func(t *testing.T) {
			c := durableConfig()
			c.Backlog.Full = full
			dir := t.TempDir()
			cfg := store.Defaults()
			cfg.Max, cfg.Segment, cfg.KeepFree = 1<<20, 64<<10, 0
			l := newLifeIn(t, dir, c, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { l.store.Run(ctx) })
			stop := sync.OnceFunc(func() { cancel(); running.Wait() })
			defer stop()
			said := 0
			long := strings.Repeat(" ", 2000)
			deadline := time.Now().Add(patience)
			for l.Stats().Lost() < 100 || full == dropOldest && l.Stats().Dropped[droppedSpace] == 0 {
				l.say("device/d/event", strconv.Itoa(said)+long, false)
				said++
				if time.Now().After(deadline) {
					t.Fatalf("after %d messages the store is not full: %+v", said, l.Stats())
				}
			}
			until(t, "room again", func() bool {
				if full != dropOldest {
					return true
				}
				before := l.Stats().Lost()
				l.say("device/d/event", strconv.Itoa(said)+long, false)
				said++
				return l.Stats().Lost() == before
			})
			s := l.Stats()
			if s.Produced != uint64(said) || s.Queued == 0 {
				t.Errorf("said %d: %+v", said, s)
			}
			if total, _ := l.store.Size(); total > 3<<20 {
				t.Errorf("the store takes %d bytes", total)
			}
			stop()
			l = l.crash()
			l.queue.begin(anything, false)
			var got []string
			for _, text := range drained(t, l.queue, time.Now()) {
				got = append(got, strings.TrimSpace(text))
			}
			last := -1
			for _, text := range got {
				if n, err := strconv.Atoi(text); err == nil {
					if n < last {
						t.Errorf("%d comes after %d", n, last)
					}
					last = n
				}
			}
			if gaps := strings.Count(strings.Join(got, "\n"), "store"); gaps == 0 {
				t.Errorf("no gap is told of: %v", fmt.Sprint(got))
			}
			if err := l.store.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Where the room that a backlog gives up goes to others, it keeps the rest.
func TestABacklogIsNotGivenUpInVain(t *testing.T) {
	l := newLife(t, t.TempDir(), durableConfig())
	const waits = 10_000
	for i := range waits {
		l.say("device/d/event", strconv.Itoa(i)+strings.Repeat(" ", 2000), false)
	}
	defer l.store.Close()
	now := time.Now()
	fail := func(err error) {
		for range 100 {
			m := message("device/d/event", "new", false)
			if (sink{l.Bridge}).Judge(&m, true, now) != broker.Keep {
				t.Fatal("not to be kept")
			}
			now = now.Add(time.Second)
			l.queue.fail(item{message: m, came: now}, true, err)
		}
	}
	fail(errors.New("input/output error"))
	if lost := l.Stats().Dropped[droppedSpace]; lost != 0 {
		t.Errorf("%d are dropped though there is room", lost)
	}
	fail(broker.ErrNoRoom)
	s := l.Stats()
	if lost := s.Dropped[droppedSpace]; lost == 0 || lost > waits/2 {
		t.Errorf("%d of %d are dropped", lost, waits)
	}
	l.say("device/d/event", "there is room", false)
	fail(broker.ErrNoRoom)
	if again := l.Stats().Dropped[droppedSpace]; again == s.Dropped[droppedSpace] {
		t.Error("nothing gives way although it would help")
	}
}

// The backlog of another upstream, which is away, fills the store.
func TestWhoIsConnectedDoesNotPayForOthers(t *testing.T) {
	l := newLife(t, t.TempDir(), durableConfig())
	defer l.store.Close()
	l.queue.begin(anything, false)
	for i := range 100 { // on their way in a moment
		l.say("device/d/event", strconv.Itoa(i), false)
	}
	m := message("device/d/event", "new", false)
	if (sink{l.Bridge}).Judge(&m, true, time.Now()) != broker.Keep {
		t.Fatal("not to be kept")
	}
	l.queue.fail(item{message: m, came: time.Now()}, true, broker.ErrNoRoom)
	if s := l.Stats(); s.Lost() != 0 || s.Queued != 101 {
		t.Errorf("got %+v", s)
	}
}
