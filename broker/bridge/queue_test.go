package bridge

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

var anything = server{window: 10, qos: 2, retain: true}

func message(topic, payload string, retain bool) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}
}

// added counts what tests have put into queues.
var added sync.Map

// lastNumber is the number that was given last.
var lastNumber atomic.Uint64

// add does what the broker does with a message that is published. It says whether
// the backlog has begun to lose some.
func (q *queue) add(m mqtt.Message, first bool, now time.Time) (overflows bool) {
	n, _ := added.LoadOrStore(q, uint64(0))
	added.Store(q, n.(uint64)+1)
	i := item{message: m, came: now}
	if m.Expiry > 0 {
		i.expires = now.Add(m.Expiry)
	}
	e := q.translate(i)
	e.first = first
	fate, overflows := q.judge(e, now)
	switch fate {
	case broker.Keep:
		i.number = lastNumber.Add(1)
		q.take(i)
	case broker.Pass:
		q.take(i)
	}
	return overflows
}

func (q *queue) nextFlight(now time.Time) (flight, time.Duration) {
	turn := q.next(now)
	return turn.flight, turn.wait
}

func testQueue(messages int, full string) *queue {
	return newQueue(BacklogConfig{Max: 1 << 20, Messages: messages, Full: full}, 0)
}

// takeAll lets everything go and acknowledges it; each is "topic payload" with
// the flags of the packet.
func takeAll(q *queue, now time.Time) []string {
	var sent []string
	for {
		f, _ := q.nextFlight(now)
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
	if n, known := added.Load(q); known && s.Produced != n.(uint64) {
		t.Errorf("produced %d, but %d were added: %+v", s.Produced, n, s)
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

func TestWindowIsObeyed(t *testing.T) {
	q, now := testQueue(1000, ""), time.Now()
	q.begin(server{window: 3, qos: 1}, false)
	for range 5 {
		q.add(message("event", "x", true), false, now)
	}
	var last flight
	for range 3 {
		if last, _ = q.nextFlight(now); last.entry == nil || last.retain {
			t.Fatalf("got %+v, want one that is not retained", last)
		}
	}
	if f, _ := q.nextFlight(now); f.entry != nil {
		t.Fatal("a fourth one goes out")
	}
	q.acknowledge(last.id, packet.NoMatching, now)
	if f, _ := q.nextFlight(now); f.entry == nil {
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
	first, _ := q.nextFlight(now)
	second, _ := q.nextFlight(now)
	if !q.received(first.id) {
		t.Fatal("PUBREC is not answered")
	}
	q.end(0)
	q.begin(anything, true)
	again, _ := q.nextFlight(now)
	if again.id != first.id || !again.released {
		t.Errorf("got %+v, want PUBREL of %d", again, first.id)
	}
	again, _ = q.nextFlight(now)
	if again.id != second.id || !again.dup || again.released {
		t.Errorf("got %+v, want %d again", again, second.id)
	}
	third, _ := q.nextFlight(now)
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
	first, _ := q.nextFlight(now)
	q.nextFlight(now)
	q.received(first.id) // it has the first one
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
	status := q.translate(item{message: message("status", "online", true)})
	status.first = true
	q.begin(anything, false)
	q.recall(slices.Values([]*entry{q.translate(item{message: message("value", "1", true)}), status}))
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
	a, _ := q.nextFlight(now)
	b, _ := q.nextFlight(now)
	q.acknowledge(b.id, packet.QuotaExceeded, now)
	q.acknowledge(a.id, packet.QuotaExceeded, now)
	q.add(message("a", "new", true), false, now)
	f, wait := q.nextFlight(now)
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
		f, _ := q.nextFlight(now)
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
			f, _ := q.nextFlight(now)
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
		q.nextFlight(now)
	}
	q.end(guiltNamed)
	q.begin(anything, true)
	f, _ := q.nextFlight(now)
	if string(f.entry.message.Payload) != "0" {
		t.Fatalf("got %+v", f)
	}
	if f, _ := q.nextFlight(now); f.entry != nil {
		t.Fatalf("%s goes with the suspect", f.entry.message.Payload)
	}
	q.acknowledge(f.id, packet.Success, now)
	q.nextFlight(now)
	if f, _ := q.nextFlight(now); f.entry == nil {
		t.Error("the others wait although the suspect was innocent")
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
	f, _ := q.nextFlight(now)
	if n, _ := strconv.Atoi(string(f.entry.message.Payload)); !f.retain || n < fewExpress {
		t.Errorf("the first to go is %d, want one that is news", n)
	}
}
