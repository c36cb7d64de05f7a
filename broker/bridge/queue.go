package bridge

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
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

// add takes in a new message.
func (q *queue) add(m mqtt.Message, first bool, now time.Time) {
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
		return
	case m.QoS == mqtt.AtMostOnce && !m.Retain && !q.connected:
		q.dropped[droppedOffline]++
		return
	case !q.makeRoom(e):
		q.dropped[droppedFull]++
		return
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

// makeRoom lets something give way to a new entry, and says whether there is
// room for it.
func (q *queue) makeRoom(e *entry) bool {
	for moves := q.backlog.len(); q.full(e); {
		victim := q.victim(e)
		switch {
		case victim == nil:
			return false
		case moves > 0 && q.newest(victim) && q.states[e.message.Topic] != victim:
			// The last value of its topic goes to the end instead. What came
			// before it on this topic is gone already.
			moves--
			q.backlog.remove(victim)
			q.backlog.add(victim)
		default:
			q.drop(victim, droppedFull)
		}
	}
	return true
}

func (q *queue) full(e *entry) bool {
	return q.backlog.len() >= q.limits.Messages || q.backlog.size()+e.size() > int64(q.limits.Max)
}

// victim is what gives way to a new entry: the oldest that waits, or where the
// newest are to give way, what it makes obsolete.
func (q *queue) victim(e *entry) *entry {
	if q.limits.Full == dropNewest {
		old := q.states[e.message.Topic]
		if !e.message.Retain || old == nil || old.settled || old.lane == flying {
			return nil
		}
		return old
	}
	v := q.backlog.after(0)
	for v != nil && v.lane == flying {
		v = q.backlog.after(v.number)
	}
	return v
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

// begin starts with a server that lets us send. If it has our session, what was
// under way is sent again as it was [MQTT-4.4.0-1]; else it waits again, but for
// what the server said it has.
func (q *queue) begin(s server, present bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.server, q.connected, q.progress, q.held = s, true, false, time.Time{}
	for _, f := range q.flights {
		f.dup = true
		switch {
		case present:
		case f.released:
			q.deliver(f.entry)
		default:
			f.entry.lane = history
		}
	}
	q.resend = slices.Clone(q.flights)
	if !present {
		q.resend, q.flights = nil, nil
		clear(q.ids)
	}
	q.arrange()
	if !present {
		q.recall()
	}
	q.ring()
}

// recall puts all states into express that the server was told once: it may
// have forgotten them.
func (q *queue) recall() {
	now := time.Now()
	for _, topic := range slices.Sorted(maps.Keys(q.states)) {
		e := q.states[topic]
		if e.settled && !e.expired(now) && e.lane != express {
			e.lane = express
			q.express = append(q.express, e)
		}
	}
	slices.SortStableFunc(q.express, ahead)
	q.crowd = max(q.crowd, 2*len(q.express))
}

// arrange divides what waits into what is current and what is history.
func (q *queue) arrange() {
	q.again, q.cursor = nil, 0
	clear(q.streams)
	current := slices.DeleteFunc(q.express, func(e *entry) bool { return !e.settled })
	for e := q.backlog.after(0); e != nil; e = q.backlog.after(e.number) {
		switch {
		case e.lane == flying:
		case e.message.Retain && q.newest(e):
			e.lane = express
			current = append(current, e)
		default:
			q.join(e)
		}
	}
	slices.SortStableFunc(current, ahead)
	q.express = current
	q.crowd = fewExpress + 2*len(current)
}

// ahead orders what is current: who is online first.
func ahead(a, b *entry) int {
	switch {
	case a.first != b.first && a.first:
		return -1
	case a.first != b.first:
		return 1
	}
	return cmp.Compare(a.number, b.number)
}

// end notes that the connection is gone. If the server cut it, guilty is how
// sure that is the fault of the message that was first under way. The topic is
// that of a message which is given up because of it.
func (q *queue) end(guilty int) (topic string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connected = false
	i := slices.IndexFunc(q.flights, func(f *flight) bool { return !f.entry.settled })
	if i < 0 || guilty == 0 {
		return ""
	}
	f := q.flights[i]
	q.suspect = f.entry
	if f.entry.strikes += guilty; f.entry.strikes < struckOut {
		return ""
	}
	q.land(f)
	q.drop(f.entry, droppedPoison)
	return f.entry.message.Topic
}

// A server that disconnects over a message does so again whenever it comes, and
// nothing behind it would ever arrive. The message first under way is suspected
// and then goes alone, so that the guilt is certain before it is given up: after
// three DISCONNECT packets that name a fault, or twelve connections closed
// without one.
const (
	guiltNamed   = 4
	guiltUnnamed = 1
	struckOut    = 3 * guiltNamed
)

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
	return len(q.flights) > 0 && len(q.resend) == 0 && q.flights[0].sent.Before(before)
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

// land takes a flight out of those under way.
func (q *queue) land(f *flight) {
	delete(q.ids, f.id)
	if i := slices.Index(q.flights, f); i >= 0 {
		q.flights = slices.Delete(q.flights, i, i+1)
	}
	q.resend = slices.DeleteFunc(q.resend, func(r *flight) bool { return r == f })
}

// received is told of PUBREC. It says whether PUBREL is to be sent.
func (q *queue) received(id uint16, r packet.Reason, now time.Time) (refused string, release bool) {
	if r.Failed() {
		return q.acknowledge(id, r, now), false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.ids[id]
	if f == nil || f.qos != mqtt.ExactlyOnce {
		return "", f == nil // the server may finish with what we do not know
	}
	f.released = true
	return "", true
}

// acknowledge is told of PUBACK, PUBCOMP and a PUBREC that fails. refused is
// the topic of a message that the server will not have.
func (q *queue) acknowledge(id uint16, r packet.Reason, now time.Time) (refused string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.ring()
	f := q.ids[id]
	if f == nil {
		return ""
	}
	q.land(f)
	q.progress = true
	e := f.entry
	switch {
	case !r.Failed(), r == packet.IDNotFound: // PUBCOMP for what it has finished [MQTT-4.3.3]
		q.deliver(e)
		return ""
	case q.putOff(e, r):
		e.tries++
		q.held = now.Add(min(time.Second<<min(e.tries-1, 6), time.Minute))
		e.lane = express
		i, _ := slices.BinarySearchFunc(q.again, e, func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
		q.again = slices.Insert(q.again, i, e)
		return ""
	}
	q.drop(e, r.String())
	return e.message.Topic
}

// mostTries is how often a message is tried for which the server gives no
// reason: some ten minutes.
const mostTries = 15

// putOff says whether a refusal may be another one later.
func (q *queue) putOff(e *entry, r packet.Reason) bool {
	switch r {
	case packet.QuotaExceeded:
		return true
	case packet.Unspecified, packet.ImplementationError, packet.IDInUse:
		return e.tries < mostTries
	}
	return false
}
