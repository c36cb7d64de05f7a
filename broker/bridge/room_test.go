package bridge

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

func TestFullBacklogDropsTheOldestButKeepsStates(t *testing.T) {
	q, now := testQueue(4, ""), time.Now()
	q.add(message("state", "only one", true), false, now)
	told := 0
	for i := range 6 {
		if q.add(message("event", strconv.Itoa(i), false), false, now) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times that messages are lost, want once", told)
	}
	if s := balance(t, q); s.Dropped[droppedFull] != 3 || s.Queued != 4 {
		t.Errorf("got %+v, want three dropped", s)
	}
	q.begin(anything, false)
	equal(t, takeAll(q, now), "state only one retained", "event 3 replay", "event 4 replay", "event 5 replay")
	balance(t, q)
}

func TestFullBacklogOfStatesStillTakesNewOnes(t *testing.T) {
	q, now := testQueue(3, ""), time.Now()
	for i := range 5 {
		q.add(message(fmt.Sprint("state/", i), "x", true), false, now)
	}
	if s := balance(t, q); s.Queued != 3 || s.Dropped[droppedFull] != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestFullBacklogDropsTheNewestButForStates(t *testing.T) {
	q, now := testQueue(2, dropNewest), time.Now()
	q.add(message("state", "old", true), false, now)
	q.add(message("event", "kept", false), false, now)
	q.add(message("event", "dropped", false), false, now)
	q.add(message("state", "new", true), false, now)
	if s := balance(t, q); s.Dropped[droppedFull] != 2 {
		t.Errorf("got %+v", s)
	}
	q.begin(anything, false)
	equal(t, takeAll(q, now), "state new retained", "event kept replay")
}

func TestBytesBoundTheBacklog(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	for range 100 {
		q.add(message("event", string(make([]byte, 50_000)), false), false, now)
	}
	if s := balance(t, q); s.Bytes > 1<<20 || s.Queued < 15 {
		t.Errorf("%d bytes in %d messages", s.Bytes, s.Queued)
	}
}

func TestMessageThatNeverFitsDrivesNothingOut(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.add(message("event", "x", false), false, now)
	q.add(message("event", string(make([]byte, 2<<20)), false), false, now)
	if s := balance(t, q); s.Queued != 1 || s.Dropped[droppedFull] != 1 {
		t.Errorf("got %+v", s)
	}
}

// TestAccountAlwaysAddsUp throws everything at a queue in random order and
// compares what arrives with what a server that applies it holds.
func TestAccountAlwaysAddsUp(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		q, now := testQueue(100+random.IntN(200), []string{"", dropNewest}[seed%2]), time.Now()
		q.drain = random.IntN(3) * 100
		under := []flight{}
		retained, newest, order := map[string]int{}, map[string]int{}, map[string]int{}
		seen := map[string]bool{}
		connected := false
		apply := func(f flight) {
			topic := f.entry.message.Topic
			n, _ := strconv.Atoi(string(f.entry.message.Payload))
			if f.retain && n < retained[topic] {
				t.Fatalf("seed %d: %s is set back from %d to %d", seed, topic, retained[topic], n)
			}
			if f.retain {
				retained[topic] = n
			}
			if !f.entry.message.Retain && !seen[topic+strconv.Itoa(n)] && n < order[topic] {
				t.Fatalf("seed %d: %s %d comes after %d", seed, topic, n, order[topic])
			}
			seen[topic+strconv.Itoa(n)] = true
			order[topic] = max(order[topic], n)
		}
		for i := range 3000 {
			now = now.Add(time.Duration(random.IntN(20)) * time.Millisecond)
			switch k := random.IntN(100); {
			case k < 45:
				topic, retain := fmt.Sprint("event/", random.IntN(3)), false
				if k < 25 {
					topic, retain = fmt.Sprint("state/", random.IntN(5)), true
					newest[topic] = i + 1
				}
				q.add(message(topic, strconv.Itoa(i+1), retain), random.IntN(2) == 0, now)
			case k < 70 && connected:
				if f, _ := q.nextFlight(now); f.entry != nil {
					apply(f)
					under = append(under, f)
				}
			case k < 95 && len(under) > 0 && connected:
				q.acknowledge(under[0].id, packet.Success, now)
				under = under[1:]
			case k < 97 && connected:
				q.end(0)
				connected, under = false, nil
			case !connected:
				q.begin(server{window: 1 + random.IntN(20), qos: 1, retain: true}, random.IntN(2) == 0)
				connected = true
			}
			balance(t, q)
		}
		if !connected {
			q.begin(anything, true)
		}
		for range 3000 {
			now = now.Add(time.Second)
			if f, _ := q.nextFlight(now); f.entry != nil {
				apply(f)
				under = append(under, f)
			}
			if len(under) > 0 {
				q.acknowledge(under[0].id, packet.Success, now)
				under = under[1:]
			}
		}
		s := balance(t, q)
		if s.Queued != 0 {
			t.Fatalf("seed %d: %d never leave", seed, s.Queued)
		}
		for topic, n := range newest {
			if seed%2 == 0 && retained[topic] != n {
				t.Errorf("seed %d: the server holds %d on %s, want %d", seed, retained[topic], topic, n)
			}
		}
	}
}
