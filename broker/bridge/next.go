package bridge

import (
	"math"
	"time"

	"fieldmq/broker/mqtt"
)

// turn is what the sender has to do next: send the flight, if there is an entry;
// or see to it that what is settled is not forgotten. Else there is nothing, and
// wait says when to ask again without being rung for; zero: not at all.
type turn struct {
	flight
	flush bool
	wait  time.Duration
}

// next is what to do now.
func (q *queue) next(now time.Time) turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	window := q.server.window
	if q.suspect != nil {
		window = 1
	}
	switch {
	case q.unanswered() >= window, q.laden(), q.tooMuchUnderWay(): // [MQTT-4.9.0-2]
		return turn{}
	case q.durable && q.unflushed > 0 && q.unanswered()+q.unflushed >= q.server.window:
		// After a crash this would come again, beside what is under way.
		return turn{flush: true}
	case len(q.resend) > 0:
		return turn{flight: q.repeat(now)}
	}
	if wait := q.patience.Sub(now); wait > 0 {
		return turn{wait: wait}
	}
	for {
		e, replay, wait := q.pick(now)
		if e == nil {
			return turn{wait: q.sooner(wait, now)}
		}
		if reason := q.unsendable(e, now); reason != "" {
			q.drop(e, reason)
			continue
		}
		more, records := q.gather(e, now)
		return turn{flight: *q.fly(e, more, records, replay, now)}
	}
}

// mostUnderWay is how many bytes may be under way, which are held in memory.
const mostUnderWay = 8 << 20

func (q *queue) tooMuchUnderWay() bool {
	const few = 20
	if len(q.flights) < few {
		return false
	}
	return q.aloft > mostUnderWay
}

// unanswered is how many messages were sent on this connection and are not
// acknowledged. They are the first of the flights.
func (q *queue) unanswered() int { return len(q.flights) - len(q.resend) }

// repeat is the next of those that were under way when the last connection
// ended. What is news no more could set back a state that arrived, and goes as
// history.
func (q *queue) repeat(now time.Time) flight {
	f := q.resend[0]
	q.resend = q.resend[1:]
	f.sent, f.left = now, time.Time{}
	if f.retain && !q.newest(f.entry) {
		f.retain, f.replay = false, true
	}
	return *f
}

// unreadable is how long to wait for a message that is about to be written.
const unreadable = 20 * time.Millisecond

// pick takes the entry whose turn it is out of its lane; replay says that it is
// history.
func (q *queue) pick(now time.Time) (e *entry, replay bool, wait time.Duration) {
	if e := q.retry(now); e != nil {
		// Newer ones of its topic may have overtaken it.
		return e, e.past || e.message.Retain && (!q.newest(e) || e.expired(now)), 0
	}
	for {
		e := q.pop(&q.express)
		if e == nil {
			break
		}
		if e.number != 0 && !e.light {
			q.held -= int64(len(e.message.Payload))
		}
		if q.delayed(e.message.Topic) {
			q.stepBack(e)
			continue
		}
		if e.light && !q.load(e) {
			q.express = append([]*entry{e}, q.express...)
			return nil, false, unreadable
		}
		if !e.settled || q.newest(e) { // else it could not be read
			return e, e.message.Retain && e.expired(now), 0
		}
	}
	if q.closing {
		return nil, false, 0
	}
	return q.pickHistory(now)
}

func (q *queue) pickHistory(now time.Time) (e *entry, replay bool, wait time.Duration) {
	if q.drain > 0 && q.waiting > 0 {
		if wait := q.paced.Sub(now); wait > 0 {
			return nil, false, wait
		}
	}
	next := q.peekHistory()
	if e := q.gapBefore(next, now); e != nil {
		return e, false, 0
	}
	if e = q.oldestHistory(); e == nil {
		if len(q.gaps.waiting) > 0 && !q.delayed(q.gaps.topic) {
			return nil, false, max(q.gaps.paced.Sub(now), unreadable)
		}
		if q.waiting > len(q.busy)+q.back && !q.passesByNoMore() {
			wait = unreadable
		}
		return nil, false, wait
	}
	if q.drain > 0 {
		q.paced = later(q.paced, now.Add(-timerSlack)).Add(time.Second / time.Duration(q.drain))
	}
	e.past = true
	return e, true, 0
}

// timerSlack is by how much a timer may be late and the pace still kept.
const timerSlack = 10 * time.Millisecond

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pop takes the first entry out of a lane that is still to be sent: it was not
// dropped, or it is what the bridge itself says, and its last word.
func (q *queue) pop(lane *[]*entry) *entry {
	for len(*lane) > 0 {
		e := (*lane)[0]
		(*lane)[0] = nil
		*lane = (*lane)[1:]
		if !e.settled || q.newest(e) || e.gap != nil {
			return e
		}
	}
	return nil
}

// load reads the message of an entry that has none. It fails if that cannot be read
// yet.
func (q *queue) load(e *entry) bool {
	i, err, ok := one(q.backlog, e.number)
	if !ok {
		return false
	}
	read := q.entryOf(i, err)
	if read == e { // the suspect
		return true
	}
	topic := e.message.Topic
	e.item, e.account, e.bytes, e.light = read.item, read.account, read.bytes, false
	if err != nil || e.message.Topic != topic {
		e.message.Topic = topic
		q.drop(e, droppedDamaged)
	}
	return true
}

// A page of history is so many messages, or a few more bytes than this.
const (
	pageLength = 64
	pageBytes  = 64 << 10
)

// oldestHistory is the first of the history that is not sent, nil if there is none
// that can be read.
func (q *queue) oldestHistory() *entry {
	for !q.passesByNoMore() {
		if len(q.page) == 0 {
			q.turnPage()
		}
		if len(q.page) == 0 {
			return nil
		}
		i := q.page[0]
		q.page[0] = item{}
		q.page = q.page[1:]
		if q.busy[i.number] != nil {
			continue
		}
		e := q.entryOf(i, nil)
		switch {
		case e.unwanted != "":
			q.drop(e, e.unwanted)
		case q.delayed(e.message.Topic), q.holds != nil && q.holds(e.message.Topic):
			q.back++
		default:
			return e
		}
	}
	return nil
}

// peekHistory is the number of what oldestHistory finds, or above all if that is
// nothing.
func (q *queue) peekHistory() uint64 {
	if len(q.page) == 0 {
		q.turnPage()
	}
	for _, i := range q.page {
		if q.busy[i.number] == nil {
			return i.number
		}
	}
	return math.MaxUint64
}

// turnPage reads the next page of the history.
func (q *queue) turnPage() {
	q.page = q.page[:0]
	bytes := int64(0)
	var bad []*entry
	q.backlog.read(q.cursor, func(n uint64) bool { return q.busy[n] != nil }, func(i item, err error) bool {
		q.cursor = i.number
		if err != nil {
			bad = append(bad, q.entryOf(i, err))
			return len(bad) < pageLength
		}
		q.page = append(q.page, i)
		bytes += i.size()
		return len(q.page) < pageLength && bytes < pageBytes
	})
	for _, e := range bad {
		e.lane = flying // what it was part of is not known
		q.drop(e, droppedDamaged)
	}
}

// unsendable is the reason for which an entry cannot go, empty if it can. The
// expiry of a state says how long it is current; as history it does not expire.
func (q *queue) unsendable(e *entry, now time.Time) string {
	m, reason := e.translated(q.format)
	switch {
	case reason != "":
		return reason
	case !e.message.Retain && e.expired(now):
		return droppedExpired
	case q.limits.MaxAge > 0 && e.past && now.Sub(e.came) > q.limits.MaxAge.D():
		return droppedOld
	case q.server.maxPacket > 0 && packetSize(&m) > q.server.maxPacket:
		return droppedLarge
	}
	return q.server.limits.refuse(&m)
}

// fly sends an entry off, with those that go in the same packet.
func (q *queue) fly(e *entry, more []*entry, records [][]byte, replay bool, now time.Time) *flight {
	f := &flight{
		entry:   e,
		more:    more,
		records: records,
		retain:  e.message.Retain && q.server.retain && !replay, // [MQTT-3.2.2-14]
		replay:  replay,
		sent:    now,
	}
	for _, e := range f.entries() {
		q.part(e)
		e.lane = flying
		if e.number != 0 && !e.settled {
			q.busy[e.number] = e
		}
		f.qos = max(f.qos, min(e.message.QoS, q.server.qos)) // [MQTT-3.2.2-11]
	}
	if f.qos == mqtt.AtMostOnce {
		for _, e := range f.entries() {
			q.deliver(e)
		}
		return f
	}
	f.id = q.freeID(e.number)
	q.ids[f.id] = f
	q.flights = append(q.flights, f)
	q.aloft += f.payload()
	return f
}

// freeID is a packet identifier that is not in use. There is one: the window is
// smaller than their number. A message has the same one after a restart if it can,
// for a server that remembers it may then know the message again.
func (q *queue) freeID(number uint64) uint16 {
	if number != 0 {
		if id := uint16(1 + (number+q.shift)%mostIDs); q.ids[id] == nil {
			return id
		}
	}
	for {
		q.lastID = q.lastID%mostIDs + 1
		if q.ids[q.lastID] == nil {
			return q.lastID
		}
	}
}
