package bridge

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

// told is a message that goes upstream, a gap as its reason and count.
func told(t *testing.T, f flight) string {
	t.Helper()
	if f.entry.gap == nil {
		return string(f.entry.message.Payload)
	}
	var said struct {
		Event, Upstream, Reason string
		Count, First, Last      int64
	}
	if err := json.Unmarshal(f.entry.message.Payload, &said); err != nil || said.Event != "gap" || f.retain || f.qos != 1 {
		t.Fatalf("%s: %v", f.entry.message.Payload, err)
	}
	if said.First > said.Last {
		t.Errorf("first %d, last %d", said.First, said.Last)
	}
	return fmt.Sprintf("%d %s", said.Count, said.Reason)
}

// drained is all that goes upstream, each acknowledged.
func drained(t *testing.T, q *queue, now time.Time) (all []string) {
	t.Helper()
	for range 100_000 {
		turn := q.next(now)
		switch {
		case turn.entry != nil:
			all = append(all, told(t, turn.flight))
			q.acknowledge(turn.id, packet.Success, now)
		case turn.flush:
			q.flushed()
		case turn.wait == 0:
			return all
		default:
			now = now.Add(turn.wait)
		}
	}
	t.Fatal("it never ends")
	return nil
}

func TestTheCloudLearnsOfLossesInTheirPlace(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for full, want := range map[string][]string{
		dropOldest: {"6 backlog full", "6", "7", "8", "9", "10", "1 packet too large", "12", "1 expired", "last"},
		dropNewest: {"0", "1", "2", "3", "4", "5 backlog full", "10", "1 packet too large", "12", "1 expired", "last"},
		refuse:     {"0", "1", "2", "3", "4", "5 backlog full", "10", "1 packet too large", "12", "1 expired", "last"},
	} {
		t.Run(full, func(t *testing.T) {
			q, now := testQueue(5, full), time.Now()
			q.gaps.topic, q.gaps.upstream = "gw/event", "cloud"
			say := func(payload string) {
				now = now.Add(time.Second)
				q.add(message("event", payload, false), false, now)
			}
			for i := range 10 {
				say(strconv.Itoa(i))
			}
			q.limits.Messages = 100
			if full == dropOldest {
				q.limits.Messages = 5
				say("10") // one more gives way
				q.limits.Messages = 100
			} else {
				say("10")
			}
			say(long)
			say("12")
			m := message("event", "expires", false)
			m.Expiry = time.Second
			q.add(m, false, now)
			now = now.Add(time.Minute)
			say("last")
			allowed := anything
			allowed.maxPacket = 1000
			q.begin(allowed, false)
			equal(t, drained(t, q, now), want...)
			if n := len(q.gaps.waiting); n > 0 {
				t.Errorf("%d gaps are left", n)
			}
		})
	}
}

func TestAGapIsToldAgainIfItDidNotArrive(t *testing.T) {
	for _, present := range []bool{false, true} {
		q, now := testQueue(2, dropOldest), time.Now()
		q.gaps.topic = "gw/event"
		for i := range 4 {
			q.add(message("event", strconv.Itoa(i), false), false, now)
		}
		q.begin(anything, false)
		if turn := q.next(now); turn.entry == nil || turn.entry.gap == nil {
			t.Fatalf("got %+v, want the gap", turn)
		}
		q.end(0)
		q.begin(anything, present)
		equal(t, drained(t, q, now.Add(time.Minute)), "2 backlog full", "2", "3")
	}
}

func TestGapsAreFew(t *testing.T) {
	q, now := testQueue(100_000, dropOldest), time.Now()
	q.gaps.topic = "gw/event"
	lost := 0
	for i := range 3000 {
		m := message("event", strconv.Itoa(i), false)
		if i%2 == 0 {
			m.Expiry = time.Second
			lost++
		}
		q.add(m, false, now)
	}
	now = now.Add(time.Minute)
	q.begin(anything, false)
	for range 1500 {
		if turn := q.next(now); turn.entry != nil {
			q.acknowledge(turn.id, packet.Success, now)
		}
	}
	if n := len(q.gaps.waiting); n > mostGaps {
		t.Errorf("%d gaps", n)
	}
	sum := uint64(0)
	for _, g := range q.gaps.waiting {
		sum += g.Count
	}
	for _, n := range q.gaps.told {
		sum += n
	}
	if sum != q.sum.dropped[droppedExpired] {
		t.Errorf("%d are told of, %d were lost", sum, q.sum.dropped[droppedExpired])
	}
}

// What was acknowledged and not kept is counted before it is acknowledged.
func TestNewestThatAreDroppedAreToldOfAfterKill9(t *testing.T) {
	c := durableConfig()
	c.Backlog.Messages, c.Backlog.Full = 100, dropNewest
	l := newLife(t, t.TempDir(), c)
	for i := range 150 {
		l.say("device/d/event", strconv.Itoa(i), false)
	}
	l = l.crash()
	defer l.store.Close()
	l.queue.begin(anything, false)
	got := drained(t, l.queue, time.Now())
	if len(got) != 101 || got[99] != "99" || got[100] != "50 backlog full" {
		t.Errorf("got %q", got)
	}
}

func TestLossesAreToldOfAfterKill9(t *testing.T) {
	for _, kept := range []bool{false, true} { // whether the house was kept before
		c := durableConfig()
		c.Backlog.Messages = 100
		l := newLife(t, t.TempDir(), c)
		for i := range 150 {
			l.say("device/d/event", strconv.Itoa(i), false)
		}
		if kept {
			l.keepCounts()
		}
		l = l.crash()
		l.queue.begin(anything, false)
		got := drained(t, l.queue, time.Now())
		if len(got) != 101 || got[0] != "50 backlog full" || got[1] != "50" || got[100] != "149" {
			t.Errorf("got %q", got)
		}
		l.keepCounts()
		l = l.crash()
		l.queue.begin(anything, false)
		if got := drained(t, l.queue, time.Now()); len(got) > 0 {
			t.Errorf("got %q, want nothing: it was told", got)
		}
		if err := l.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
