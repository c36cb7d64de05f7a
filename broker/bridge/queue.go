package bridge

import (
	"slices"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
)

// queue decides what goes upstream next, and keeps account of it.
//
// What is current goes ahead: when a connection begins, the newest message of
// each retained topic (who is online first), then what is new. What waited goes
// behind it, as history: in order, throttled, marked, and never retained, so
// that it cannot set back what the server holds. A topic that is not retained
// has no newest message, only an order; while some of it is history, what is
// new on it joins the history.
type queue struct {
	limits BacklogConfig
	drain  int           // messages of history a second, 0: any
	bell   chan struct{} // rings when next may have more; one place: one ring is enough

	mu        sync.Mutex
	backlog   backlog
	states    map[string]*entry // the newest of each retained topic
	streams   map[string]int    // history not sent yet, of topics not retained
	express   []*entry
	crowd     int      // how many in express are too many
	again     []*entry // that the server put off, in order
	resend    []*flight
	flights   []*flight // in the order sent
	ids       map[uint16]*flight
	lastID    uint16
	cursor    uint64    // history up to this number was looked at
	paced     time.Time // when the next of the history may go
	held      time.Time // until when the server wants to be left alone
	suspect   *entry    // goes alone until it is settled
	connected bool
	progress  bool // something was acknowledged on this connection
	closing   bool
	overflown bool   // that is told
	server    server // what the one that is connected allows

	produced, delivered int64
	dropped             map[string]int64
}

// server is what a CONNACK allows. [MQTT-3.2.2.3]
type server struct {
	window    int // receive maximum
	qos       mqtt.QoS
	retain    bool
	maxPacket int64
	aliases   uint16 // topic alias maximum
}

// flight is a message that is under way.
type flight struct {
	entry    *entry
	id       uint16 // 0 with QoS 0
	qos      mqtt.QoS
	retain   bool
	replay   bool
	sent     time.Time
	dup      bool
	released bool // PUBREC came [MQTT-4.3.3-4]
}

const (
	// mostIDs leaves packet identifiers above it for SUBSCRIBE.
	mostIDs = 60_000
	// mostStates is how many retained topics are remembered; of others the
	// last value does not go ahead.
	mostStates = 100_000
	// fewExpress is how many messages may wait in express before what is no
	// state any more becomes history.
	fewExpress = 2000
)

func newQueue(limits BacklogConfig, drain int) *queue {
	return &queue{
		limits:  limits,
		drain:   drain,
		bell:    make(chan struct{}, 1),
		backlog: &memory{},
		states:  map[string]*entry{},
		streams: map[string]int{},
		ids:     map[uint16]*flight{},
		dropped: map[string]int64{},
	}
}

func (q *queue) ring() {
	select {
	case q.bell <- struct{}{}:
	default:
	}
}

// Reasons for which a message is dropped, beside those of the server.
const (
	droppedFull    = "backlog full"
	droppedOffline = "not connected" // QoS 0 is not kept
	droppedExpired = "expired"
	droppedLarge   = "packet too large"
	droppedPoison  = "server disconnects"
	droppedTopic   = "no topic"
)

// add takes in a new message. It says whether the backlog has begun to lose some.
func (q *queue) add(m mqtt.Message, first bool, now time.Time) (overflows bool) {
	e := &entry{message: m, came: now, first: first}
	if m.Expiry > 0 {
		e.expires = now.Add(m.Expiry)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.produced++
	switch {
	case !mqtt.ValidTopic(m.Topic):
		q.dropped[droppedTopic]++
		return false
	case m.QoS == mqtt.AtMostOnce && !m.Retain && !q.connected:
		q.dropped[droppedOffline]++
		return false
	}
	lost := q.dropped[droppedFull]
	if !q.makeRoom(e) {
		q.dropped[droppedFull]++
		return q.overflow(lost)
	}
	q.backlog.add(e)
	if m.Retain {
		q.remember(e)
	}
	if !q.connected || !m.Retain && q.streams[m.Topic] > 0 {
		q.join(e)
	} else {
		e.lane = express
		q.express = append(q.express, e)
		if len(q.express) > q.crowd {
			q.arrange()
		}
	}
	q.ring()
	return q.overflow(lost)
}

// overflow says whether more than this many are lost, for the first time since
// the backlog was last half empty.
func (q *queue) overflow(lost int64) bool {
	switch {
	case q.dropped[droppedFull] == lost:
		if q.backlog.len() < q.limits.Messages/2 && q.backlog.size() < int64(q.limits.Max)/2 {
			q.overflown = false
		}
		return false
	case q.overflown:
		return false
	}
	q.overflown = true
	return true
}

// remember makes the entry the state of its topic.
func (q *queue) remember(e *entry) {
	if _, known := q.states[e.message.Topic]; known || len(q.states) < mostStates {
		q.states[e.message.Topic] = e
	}
}

// newest says whether the entry is the state of its topic.
func (q *queue) newest(e *entry) bool { return q.states[e.message.Topic] == e }

// join makes an entry history.
func (q *queue) join(e *entry) {
	e.lane = history
	if !e.message.Retain {
		q.streams[e.message.Topic]++
	}
}

// part is the opposite of join: the entry is sent, or gone.
func (q *queue) part(e *entry) {
	if e.lane != history || e.message.Retain {
		return
	}
	if q.streams[e.message.Topic]--; q.streams[e.message.Topic] <= 0 {
		delete(q.streams, e.message.Topic)
	}
}

// drop gives an entry up.
func (q *queue) drop(e *entry, reason string) {
	if !e.settled {
		q.dropped[reason]++
	}
	if q.newest(e) {
		delete(q.states, e.message.Topic)
	}
	q.settle(e)
}

// settle takes an entry out of the backlog.
func (q *queue) settle(e *entry) {
	q.part(e)
	if q.suspect == e {
		q.suspect = nil
	}
	if len(e.message.Payload) == 0 && q.newest(e) {
		delete(q.states, e.message.Topic) // it was removed there, too
	}
	if !e.settled {
		e.settled = true
		q.backlog.remove(e)
	}
}

// assert sends a state ahead of all others, which is not counted: it says what
// the bridge itself knows.
func (q *queue) assert(m mqtt.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := &entry{message: m, came: time.Now(), settled: true, lane: express, first: true}
	q.remember(e)
	q.express = slices.Insert(q.express, 0, e)
	q.ring()
}

// progressed says whether something was acknowledged on this connection.
func (q *queue) progressed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.progress
}

// allowed is what the server that is connected allows.
func (q *queue) allowed() server {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.server
}

// overdue says whether something was sent before a time and not acknowledged.
func (q *queue) overdue(before time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unanswered() > 0 && q.flights[0].sent.Before(before)
}

// close lets no more history go.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
}

// idle says whether nothing current waits and nothing is under way.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.express)+len(q.again)+len(q.flights) == 0
}

// deliver settles what the server has.
func (q *queue) deliver(e *entry) {
	if !e.settled {
		q.delivered++
	}
	q.settle(e)
}
