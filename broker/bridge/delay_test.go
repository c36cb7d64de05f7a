package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

// refuseNext has the server put the next message off, which is to be this one.
func refuseNext(t *testing.T, q *queue, now time.Time, want string, r packet.Reason) {
	t.Helper()
	f, _ := q.nextFlight(now)
	if f.entry == nil {
		t.Fatalf("nothing goes, want %q", want)
	}
	if got := f.entry.message.Topic + " " + string(f.entry.message.Payload); got != want {
		t.Fatalf("%q goes, want %q", got, want)
	}
	if topic, later := q.acknowledge(f.id, r, now); topic != f.entry.message.Topic || !later {
		t.Errorf("told of %q, to be tried later %v", topic, later)
	}
}

func TestTopicThatIsPutOffHoldsUpNoOther(t *testing.T) {
	for _, r := range []packet.Reason{packet.QuotaExceeded, packet.Unspecified, packet.ImplementationError} {
		q, now := testQueue(1000, ""), time.Now()
		q.begin(anything, false)
		for i := range 3 {
			q.add(message("sick", fmt.Sprint(i), false), false, now)
			q.add(message("well", fmt.Sprint(i), false), false, now)
		}
		refuseNext(t, q, now, "sick 0", r)
		equal(t, takeAll(q, now), "well 0", "well 1", "well 2")
		q.add(message("sick", "3", false), false, now)
		q.add(message("well", "3", false), false, now)
		equal(t, takeAll(q, now), "well 3")
		_, wait := q.nextFlight(now)
		if now = now.Add(wait); wait <= 0 || wait > time.Second {
			t.Fatalf("tried again after %v", wait)
		}
		refuseNext(t, q, now, "sick 0", r)
		_, longer := q.nextFlight(now)
		if longer <= wait {
			t.Errorf("tried again after %v, and then after %v", wait, longer)
		}
		equal(t, takeAll(q, now.Add(longer)), "sick 0", "sick 1 replay", "sick 2 replay", "sick 3 replay")
		if s := balance(t, q); s.Delivered != 8 {
			t.Errorf("%v: got %+v", r, s)
		}
	}
}

func TestStateThatIsPutOffIsCurrentInTheEnd(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	q.add(message("sick", "1", true), false, now)
	refuseNext(t, q, now, "sick 1", packet.QuotaExceeded)
	for i := 2; i < 5; i++ {
		q.add(message("sick", fmt.Sprint(i), true), false, now)
	}
	equal(t, takeAll(q, now))
	_, wait := q.nextFlight(now)
	equal(t, takeAll(q, now.Add(wait)), "sick 1 replay", "sick 4 retained", "sick 2 replay", "sick 3 replay")
	balance(t, q)
}

func TestTopicGoesOnAfterWhatWasPutOffIsDropped(t *testing.T) {
	q, now := testQueue(3, dropOldest), time.Now()
	q.begin(anything, false)
	q.add(message("sick", "1", false), false, now)
	refuseNext(t, q, now, "sick 1", packet.QuotaExceeded)
	for i := 2; i < 5; i++ {
		q.add(message("sick", fmt.Sprint(i), false), false, now)
	}
	equal(t, takeAll(q, now), "sick 2 replay", "sick 3 replay", "sick 4 replay")
	if s := balance(t, q); s.Dropped[droppedFull] != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestServerThatPutsAllOffIsLeftAlone(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	const topics = mostDelays + 1
	for i := range topics {
		q.add(message(fmt.Sprint("topic", i), "1", false), false, now)
	}
	for i := range topics {
		refuseNext(t, q, now, fmt.Sprint("topic", i, " 1"), packet.QuotaExceeded)
	}
	q.add(message("another", "1", false), false, now)
	equal(t, takeAll(q, now))
	_, wait := q.nextFlight(now)
	if got := takeAll(q, now.Add(wait)); len(got) != topics+1 {
		t.Errorf("%d go after %v", len(got), wait)
	}
	balance(t, q)
}

func TestPutOffHistoryIsPassedByWithinBounds(t *testing.T) {
	q, now := newQueue(BacklogConfig{Max: 1 << 30, Messages: 1 << 30}, 0), time.Now()
	for i := range mostPassedBy + 5 {
		q.add(message("sick", fmt.Sprint(i), false), false, now)
		if i == 10 {
			q.add(message("well", "near", false), false, now)
		}
	}
	q.add(message("well", "far", false), false, now)
	q.begin(anything, false)
	refuseNext(t, q, now, "sick 0", packet.QuotaExceeded)
	equal(t, takeAll(q, now), "well near replay")
	_, wait := q.nextFlight(now)
	if wait < time.Second/2 {
		t.Errorf("asks again after %v", wait)
	}
	if got := takeAll(q, now.Add(wait)); len(got) != mostPassedBy+6 || got[len(got)-1] != "well far replay" {
		t.Errorf("%d go", len(got))
	}
	balance(t, q)
}

// A server that puts off topics as it likes, connections that end, and messages that
// keep coming: each is delivered, in order, and the states are the newest.
func TestOrderSurvivesWhatIsPutOff(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 5))
		q, now := testQueue(1<<20, ""), time.Unix(1_800_000_000, 0)
		s := server{window: 1 + random.IntN(20), qos: 1, retain: true}
		q.begin(s, false)
		sick := map[string]bool{}
		next, done, retained := map[string]int{}, map[string][]int{}, map[string]string{}
		var under []flight
		answer := func() {
			f := under[0]
			under = under[1:]
			m := f.entry.message
			if sick[m.Topic] {
				q.acknowledge(f.id, packet.QuotaExceeded, now)
				return
			}
			var n int
			fmt.Sscan(string(m.Payload), &n)
			if f.retain {
				retained[m.Topic] = string(m.Payload)
			}
			done[m.Topic] = append(done[m.Topic], n)
			q.acknowledge(f.id, packet.Success, now)
		}
		for step := 0; ; step++ {
			switch random.IntN(8) {
			case 0, 1:
				if step < 2000 {
					topic := []string{"a", "b", "c", "state/a", "state/b"}[random.IntN(5)]
					q.add(message(topic, fmt.Sprint(next[topic]), topic[0] == 's'), false, now)
					next[topic]++
				}
			case 2:
				topic := []string{"a", "b", "state/a"}[random.IntN(3)]
				if !slices.ContainsFunc(under, func(f flight) bool { return f.entry.message.Topic == topic }) {
					sick[topic] = step < 2000 && random.IntN(2) == 0
				}
			case 3:
				now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
			case 4:
				if random.IntN(50) == 0 {
					for len(under) > 0 { // so that none comes twice
						answer()
					}
					q.end(0)
					q.begin(s, false)
				}
			case 5, 6:
				if f, _ := q.nextFlight(now); f.entry != nil {
					under = append(under, f)
				}
			case 7:
				if len(under) > 0 {
					answer()
				}
			}
			if q.waiting == 0 && step > 2000 {
				break
			}
			if step > 1_000_000 {
				t.Fatalf("seed %d: %d wait, %d delays, %d again, %d back", seed, q.waiting, len(q.delays), len(q.again), q.back)
			}
		}
		for topic, n := range next {
			got := done[topic]
			if topic[0] == 's' {
				if retained[topic] != fmt.Sprint(n-1) {
					t.Errorf("seed %d: %s is %s, want %d", seed, topic, retained[topic], n-1)
				}
				slices.Sort(got)
			}
			if len(got) != n || !slices.IsSorted(got) {
				t.Errorf("seed %d: %s: %d of %d delivered, in order %v", seed, topic, len(got), n, slices.IsSorted(got))
			}
		}
		if len(q.busy)+len(q.delays)+len(q.again) > 0 || q.back != 0 {
			t.Errorf("seed %d: left are %d busy, %d delays, %d again, %d back", seed, len(q.busy), len(q.delays), len(q.again), q.back)
		}
		balance(t, q)
	}
}
