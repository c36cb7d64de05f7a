package bridge

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// queue decides what goes upstream next, and keeps account of it.
//
// What is current goes ahead: when a connection begins, the newest message of
// each retained topic (who is online first), then what is new. What waited goes
// behind it, as history: in order, throttled, marked, and never retained, so
// that it cannot set back what the server holds. A topic that is not retained
// has no newest message, only an order; while some of it is history, what is
// new on it joins the history.
//
// A million messages may wait in the backlog. The queue remembers none of them but
// the numbers of the newest and what is on its way, and reads a page at a time.
type queue struct {
	limits    BacklogConfig
	batching  *batching         // nil: each message goes by itself
	format    format            // nil: messages go as they are
	holds     func(string) bool // says of a topic that its history waits until revisit; nil: of none
	drain     int               // messages of history a second, 0: any
	translate func(item) *entry // to what goes upstream
	bell      chan struct{}     // rings when next may have more; one place: one ring is enough

	mu        sync.Mutex
	backlog   backlog
	durable   bool // the backlog outlives the process
	shift     uint64
	waiting   int   // in the backlog
	bytes     int64 // that these count
	states    map[string]state
	streams   streams // history not sent yet, of topics not retained
	offered   *entry  // by judge, to be taken
	express   []*entry
	crowd     int               // how many in express are too many
	held      int64             // bytes of the messages in express
	again     []*entry          // that the server put off, in order
	delays    map[string]*delay // topics that wait for an entry that it put off
	resend    []*flight
	flights   []*flight         // in the order sent
	aloft     int64             // bytes of these
	busy      map[uint64]*entry // all with a number in express, again, delays and flights
	ids       map[uint16]*flight
	lastID    uint16
	page      []item    // of history, read ahead
	cursor    uint64    // it is read up to this number
	back      int       // so many of them are held back
	spared    uint64    // victims are looked for behind this number,
	behind    []uint64  // and among these
	paced     time.Time // when the next of the history may go
	patience  time.Time // until when the server wants to be left alone
	suspect   *entry    // goes alone until it is settled
	alone     uint64    // up to this number each message goes by itself
	connected bool
	progress  bool // something was acknowledged on this connection
	closing   bool
	overflown bool      // that is told
	squeezed  time.Time // when the oldest last gave way to want of room in the store
	vain      int       // how often, without anything finding room
	unstored  int       // how many found none
	unflushed int       // so many are settled and not on their way to the disk
	server    server

	accounts map[string]*account
	sum      account
	gaps     gaps
	highest  uint64           // number that was taken
	later    map[cause]uint64 // counts that are not yet in the backlog
}

// server is what a CONNACK allows. [MQTT-3.2.2.3]
type server struct {
	window    int // receive maximum
	qos       mqtt.QoS
	retain    bool
	maxPacket int64
	aliases   uint16 // topic alias maximum
	limits    Limits
}

// flight is a message that is under way, or several of the history in one.
type flight struct {
	entry    *entry
	more     []*entry // behind it
	records  [][]byte // of all, if there are more
	id       uint16   // 0 with QoS 0
	qos      mqtt.QoS
	retain   bool
	replay   bool
	sent     time.Time
	left     time.Time // when it was first and had left; zero: it is not
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
	// mostHeld is how many bytes of messages are held in express; others are read
	// when they go.
	mostHeld = 2 << 20
	// mostPassed is how many messages that are not in the backlog may wait.
	mostPassed = 1000
)

func newQueue(limits BacklogConfig, drain int) *queue {
	limits.Max = limits.room(false)
	return &queue{
		limits:    limits,
		drain:     drain,
		translate: func(i item) *entry { return &entry{item: i, bytes: i.size()} },
		bell:      make(chan struct{}, 1),
		backlog:   &memory{},
		shift:     rand.Uint64N(mostIDs),
		states:    map[string]state{},
		delays:    map[string]*delay{},
		busy:      map[uint64]*entry{},
		ids:       map[uint16]*flight{},
		accounts:  map[string]*account{},
		later:     map[cause]uint64{},
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
	droppedRule    = "no rule" // any more
	droppedStore   = "store failed"
	droppedDamaged = "store damaged"
	droppedSpace   = "store full"
	droppedOld     = "too old"
	droppedOwn     = "said otherwise"
	droppedLoop    = "loop"
)

// judge says what is to become of a new message. One that is to be kept has its
// room, and the next call is take.
func (q *queue) judge(e *entry, now time.Time) (fate broker.Fate, overflows bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.offered = nil
	switch {
	case !mqtt.ValidTopic(e.message.Topic):
		q.lose(e, droppedTopic)
		return broker.Drop, false
	case e.message.QoS == mqtt.AtMostOnce && !e.message.Retain:
		if !q.connected || len(q.express) >= q.crowd+mostPassed {
			q.lose(e, droppedOffline)
			return broker.Drop, false
		}
		e.account, q.offered = q.open(e.account), e
		return broker.Pass, false
	}
	lost := q.sum.dropped[droppedFull]
	e.account = q.open(e.account)
	if !q.makeRoom(e) {
		q.lose(e, droppedFull)
		return broker.Drop, q.overflow(lost)
	}
	q.offered = e
	return broker.Keep, q.overflow(lost)
}

// take takes in the message that was judged, as it is here: with its number, or
// without one if it only passes, or cannot be stored.
func (q *queue) take(here item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.offered
	q.offered = nil
	if e == nil {
		return
	}
	e.number, e.expires, e.message.Payload = here.number, here.expires, here.message.Payload
	if e.number == 0 {
		q.pass(e)
		return
	}
	q.backlog.add(here)
	q.highest, q.vain, q.unstored = e.number, 0, 0
	q.enter(e)
	if e.message.Retain {
		q.remember(e)
	}
	if !q.connected || q.delayed(e.message.Topic) || !e.message.Retain && q.streams.count(e.message.Topic) > 0 {
		q.join(e)
	} else {
		q.expedite(e)
		if len(q.express) > q.crowd {
			q.thin()
		}
	}
	q.ring()
}

// pass lets a message go ahead that is not in the backlog.
func (q *queue) pass(e *entry) {
	if len(q.express) >= q.crowd+mostPassed || e.message.QoS == mqtt.AtMostOnce && !q.connected {
		q.lose(e, droppedOffline)
		return
	}
	q.accountOf(e.account).queued++
	if e.message.Retain {
		q.remember(e)
	}
	e.lane = express
	q.express = append(q.express, e)
	q.ring()
}

// expedite lets a message of the backlog go ahead.
func (q *queue) expedite(e *entry) {
	e.lane = express
	if q.held += int64(len(e.message.Payload)); q.held > mostHeld {
		q.held -= int64(len(e.message.Payload))
		e.lighten()
	}
	q.busy[e.number] = e
	q.express = append(q.express, e)
}

// lighten lets go of the message: it is read again when it goes.
func (e *entry) lighten() {
	e.light = true
	e.message = mqtt.Message{Topic: e.message.Topic, QoS: e.message.QoS, Retain: e.message.Retain}
}

// judgePassing is judge for a message that waits in memory, if it must.
func (q *queue) judgePassing(e *entry) broker.Fate {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.account, q.offered = q.open(e.account), e
	return broker.Pass
}

// refuses says whether there is no room for a message, and none is to be made.
func (q *queue) refuses(e *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full(e) && q.victim(e) == nil
}

// keepIn says where what waits is kept, before anything does.
func (q *queue) keepIn(b backlog, room configs.Size) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog, q.durable, q.shift, q.limits.Max = b, true, 0, room
}

// overflow says whether more than this many are lost, for the first time since
// the backlog was last half empty.
func (q *queue) overflow(lost uint64) bool {
	switch {
	case q.sum.dropped[droppedFull] == lost:
		if q.waiting < q.limits.Messages/2 && q.bytes < int64(q.limits.Max)/2 {
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
	topic := e.message.Topic
	old, known := q.states[topic]
	if !known && len(q.states) >= mostStates {
		return
	}
	if old.waits && old.number != 0 && old.number <= q.spared {
		q.behind = append(q.behind, old.number)
	}
	s := state{number: e.number, first: e.first, waits: !e.settled}
	if e.number == 0 {
		s.entry = e
	}
	q.states[topic] = s
}

// newest says whether the entry is the state of its topic.
func (q *queue) newest(e *entry) bool {
	s, known := q.states[e.message.Topic]
	return known && s.number == e.number && (e.number != 0 || s.entry == e)
}

// join makes an entry history.
func (q *queue) join(e *entry) {
	e.lane = history
	if !e.message.Retain {
		q.streams.add(e.message.Topic, 1)
	}
}

// part is the opposite of join: the entry is sent, or gone.
func (q *queue) part(e *entry) {
	if e.lane == history && !e.message.Retain {
		q.streams.add(e.message.Topic, -1)
	}
}

// drop gives an entry up.
func (q *queue) drop(e *entry, reason string) {
	if q.newest(e) {
		delete(q.states, e.message.Topic)
	}
	q.settle(e, reason)
}

// deliver settles what the server has.
func (q *queue) deliver(e *entry) {
	if q.newest(e) {
		topic := e.message.Topic
		s := q.states[topic]
		s.waits = false
		q.states[topic] = s
		if len(e.message.Payload) == 0 && !e.light { // it was removed there, too
			delete(q.states, topic)
		}
	}
	q.settle(e, "")
}

// settle takes an entry out of the backlog, delivered or for a reason dropped.
func (q *queue) settle(e *entry, reason string) {
	if q.suspect == e {
		q.suspect = nil
	}
	q.release(e)
	if !e.settled {
		q.part(e)
	}
	if e.lane == express && e.number != 0 && !e.light {
		q.held -= int64(len(e.message.Payload))
	}
	was := e.lane
	e.lane = history
	if e.gap != nil {
		q.gaps.tell(e.gap)
	}
	if e.settled {
		return
	}
	e.settled = true
	q.accountOf(e.account).queued--
	if e.number == 0 {
		q.tally(e, reason)
		return
	}
	delete(q.busy, e.number)
	q.bytes -= e.bytes
	if q.waiting--; q.waiting == 0 {
		q.bytes = 0 // of what was damaged they were a guess
	}
	page := len(q.page)
	q.page = slices.DeleteFunc(q.page, func(i item) bool { return i.number == e.number })
	if was == history && q.back > 0 && len(q.page) == page && e.number <= q.cursor {
		q.back-- // it was left behind
	}
	q.accountOf(e.account).note(reason, 1)
	q.sum.note(reason, 1)
	q.miss(e.number, reason, e.came)
	q.unflushed++
	q.backlog.settle(e.number, e.account, reason)
}

// assert sends a state ahead of all others, which is not counted: it says what
// the bridge itself knows.
func (q *queue) assert(m mqtt.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := &entry{item: item{message: m, came: time.Now()}, settled: true, lane: express, first: true}
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

// flushed notes that what was settled is safe from kill -9.
func (q *queue) flushed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unflushed = 0
}
