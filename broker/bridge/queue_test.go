package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

var anything = server{window: 10, qos: 2, retain: true}

func message(topic, payload string, retain bool) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}
}

func testQueue(messages int, full string) *queue {
	return newQueue(BacklogConfig{Max: 1 << 20, Messages: messages, Full: full}, 0)
}

// takeAll lets everything go and acknowledges it; each is "topic payload" with
// the flags of the packet.
func takeAll(q *queue, now time.Time) []string {
	var sent []string
	for {
		f, _ := q.next(now)
		if f.entry == nil {
			return sent
		}
		text := f.entry.message.Topic + " " + string(f.entry.message.Payload)
		if f.retain {
			text += " retained"
		}
		if f.replay {
			text += " replay"
		}
		if f.dup {
			text += " dup"
		}
		sent = append(sent, text)
		q.acknowledge(f.id, packet.Success, now)
	}
}

func balance(t *testing.T, q *queue) Stats {
	t.Helper()
	s := q.stats()
	sum := s.Delivered + s.Queued
	for _, n := range s.Dropped {
		sum += n
	}
	if sum != s.Produced {
		t.Errorf("produced %d, but delivered, queued and dropped are %d: %+v", s.Produced, sum, s)
	}
	return s
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

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

func TestWindowIsObeyed(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(server{window: 3, qos: 1}, false)
	for range 5 {
		q.add(message("event", "x", true), false, now)
	}
	var last flight
	for range 3 {
		if last, _ = q.next(now); last.entry == nil || last.retain {
			t.Fatalf("got %+v, want one that is not retained", last)
		}
	}
	if f, _ := q.next(now); f.entry != nil {
		t.Fatal("a fourth one goes out")
	}
	q.acknowledge(last.id, packet.NoMatching, now)
	if f, _ := q.next(now); f.entry == nil {
		t.Fatal("an acknowledgement makes no room")
	}
}

func TestSessionThatIsThereGetsTheSamePacketsAgain(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	for i := range 3 {
		m := message("event", strconv.Itoa(i), false)
		m.QoS = 2
		q.add(m, false, now)
	}
	first, _ := q.next(now)
	second, _ := q.next(now)
	if _, release := q.received(first.id, packet.Success, now); !release {
		t.Fatal("PUBREC is not answered")
	}
	q.end(0)
	q.begin(anything, true)
	again, _ := q.next(now)
	if again.id != first.id || !again.released {
		t.Errorf("got %+v, want PUBREL of %d", again, first.id)
	}
	again, _ = q.next(now)
	if again.id != second.id || !again.dup || again.released {
		t.Errorf("got %+v, want %d again", again, second.id)
	}
	third, _ := q.next(now)
	if third.dup || string(third.entry.message.Payload) != "2" {
		t.Errorf("got %+v", third)
	}
	for _, f := range []flight{first, second, third} {
		q.acknowledge(f.id, packet.Success, now)
	}
	if s := balance(t, q); s.Delivered != 3 {
		t.Errorf("delivered %d", s.Delivered)
	}
}

func TestSessionThatIsGoneGetsWhatItHasNot(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	for i := range 3 {
		m := message("event", strconv.Itoa(i), false)
		m.QoS = 2
		q.add(m, false, now)
	}
	first, _ := q.next(now)
	q.next(now)
	q.received(first.id, packet.Success, now) // it has the first one
	q.end(0)
	q.begin(anything, false)
	equal(t, takeAll(q, now), "event 1 replay", "event 2 replay")
	balance(t, q)
}

func TestStatesAreRecalledForASessionThatIsGone(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	q.add(message("value", "1", true), false, now)
	q.add(message("status", "online", true), true, now)
	q.add(message("removed", "x", true), false, now)
	q.add(message("removed", "", true), false, now)
	takeAll(q, now)
	q.end(0)
	q.begin(anything, true)
	equal(t, takeAll(q, now))
	q.end(0)
	q.begin(anything, false)
	equal(t, takeAll(q, now), "status online retained", "value 1 retained")
	if s := balance(t, q); s.Produced != 4 || s.Delivered != 4 {
		t.Errorf("repetitions are counted: %+v", s)
	}
}

func TestQuotaIsWaitedFor(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	q.add(message("a", "old", true), false, now)
	q.add(message("b", "1", false), false, now)
	a, _ := q.next(now)
	b, _ := q.next(now)
	q.acknowledge(b.id, packet.QuotaExceeded, now)
	q.acknowledge(a.id, packet.QuotaExceeded, now)
	q.add(message("a", "new", true), false, now)
	f, wait := q.next(now)
	if f.entry != nil || wait <= 0 {
		t.Fatalf("got %+v after %v, want nothing for a while", f, wait)
	}
	equal(t, takeAll(q, now.Add(wait)), "a old replay", "b 1", "a new retained")
	if s := balance(t, q); s.Delivered != 3 {
		t.Errorf("got %+v", s)
	}
}

func TestErrorWithoutReasonIsGivenUpOnce(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	q.add(message("a", "x", false), false, now)
	for range mostTries + 1 {
		now = now.Add(time.Hour)
		f, _ := q.next(now)
		if f.entry == nil {
			t.Fatal("given up too early")
		}
		q.acknowledge(f.id, packet.Unspecified, now)
	}
	if s := balance(t, q); s.Dropped["unspecified error"] != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestPoisonIsGivenUpAndNothingElse(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	for _, m := range []string{"good", "poison", "also good"} {
		q.add(message("event", m, false), false, now)
	}
	disconnects := 0
	for range 20 {
		q.begin(anything, false)
		for {
			f, _ := q.next(now)
			if f.entry == nil {
				break
			}
			if string(f.entry.message.Payload) == "poison" {
				disconnects++
				q.end(guiltNamed)
				break
			}
			q.acknowledge(f.id, packet.Success, now)
		}
	}
	if s := balance(t, q); disconnects != 3 || s.Delivered != 2 || s.Dropped[droppedPoison] != 1 {
		t.Errorf("%d disconnects, %+v", disconnects, s)
	}
}

func TestSuspectGoesAloneOnASessionThatIsThere(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(anything, false)
	for i := range 3 {
		q.add(message("event", strconv.Itoa(i), false), false, now)
		q.next(now)
	}
	q.end(guiltNamed)
	q.begin(anything, true)
	f, _ := q.next(now)
	if string(f.entry.message.Payload) != "0" {
		t.Fatalf("got %+v", f)
	}
	if f, _ := q.next(now); f.entry != nil {
		t.Fatalf("%s goes with the suspect", f.entry.message.Payload)
	}
	q.acknowledge(f.id, packet.Success, now)
	q.next(now)
	if f, _ := q.next(now); f.entry == nil {
		t.Error("the others wait although the suspect was innocent")
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

func TestExpiredMessagesAreNotSentAndExpiredStatesAreHistory(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	for _, retain := range []bool{true, false} {
		m := message(fmt.Sprint("retain/", retain), "x", retain)
		m.Expiry = time.Minute
		q.add(m, false, now)
	}
	now = now.Add(2 * time.Minute)
	q.begin(anything, false)
	equal(t, takeAll(q, now), "retain/true x replay")
	if s := balance(t, q); s.Dropped[droppedExpired] != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestQoS0IsNotKeptForLater(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	m := message("a", "x", false)
	m.QoS = 0
	q.add(m, false, now)
	q.begin(anything, false)
	q.add(m, false, now)
	equal(t, takeAll(q, now), "a x")
	if s := balance(t, q); s.Delivered != 1 || s.Dropped[droppedOffline] != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestHistoryIsThrottledAndLiveIsNot(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.drain = 10
	for i := range 3 {
		q.add(message("a", strconv.Itoa(i), false), false, now)
	}
	q.begin(anything, false)
	q.add(message("b", "live", false), false, now)
	q.add(message("a", "3", false), false, now) // keeps its place behind the others
	equal(t, takeAll(q, now), "b live", "a 0 replay")
	equal(t, takeAll(q, now.Add(50*time.Millisecond)))
	equal(t, takeAll(q, now.Add(100*time.Millisecond)), "a 1 replay")
	equal(t, takeAll(q, now.Add(time.Second)), "a 2 replay")
	equal(t, takeAll(q, now.Add(2*time.Second)), "a 3 replay")
	q.add(message("a", "4", false), false, now)
	equal(t, takeAll(q, now.Add(2*time.Second)), "a 4")
}

func TestSlowLinkKeepsStatesCurrent(t *testing.T) {
	q, now := testQueue(100_000, ""), time.Now()
	q.begin(anything, false)
	for i := range 3 * fewExpress {
		q.add(message("value", strconv.Itoa(i), true), false, now)
	}
	f, _ := q.next(now)
	if n, _ := strconv.Atoi(string(f.entry.message.Payload)); !f.retain || n < fewExpress {
		t.Errorf("the first to go is %d, want one that is news", n)
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
				if f, _ := q.next(now); f.entry != nil {
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
			if f, _ := q.next(now); f.entry != nil {
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
