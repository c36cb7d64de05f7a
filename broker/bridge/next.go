package bridge

import (
	"time"

	"fieldmq/broker/mqtt"
)

// next is what to send now. If it has no entry there is nothing, and wait says
// when to ask again without being rung for; zero: not at all.
func (q *queue) next(now time.Time) (f flight, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	window := q.server.window
	if q.suspect != nil {
		window = 1
	}
	if q.unanswered() >= window { // [MQTT-4.9.0-2]
		return flight{}, 0
	}
	if len(q.resend) > 0 {
		return q.repeat(now), 0
	}
	if wait := q.held.Sub(now); wait > 0 {
		return flight{}, wait
	}
	for {
		e, replay, wait := q.pick(now)
		if e == nil {
			return flight{}, wait
		}
		if reason := q.unsendable(e, now); reason != "" {
			q.drop(e, reason)
			continue
		}
		return *q.fly(e, replay, now), 0
	}
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
	f.sent = now
	if f.retain && !q.newest(f.entry) {
		f.retain, f.replay = false, true
	}
	return *f
}

// pick takes the entry whose turn it is out of its lane; replay says that it is
// history.
func (q *queue) pick(now time.Time) (e *entry, replay bool, wait time.Duration) {
	if e := q.pop(&q.again); e != nil {
		// Newer ones of its topic may have overtaken it.
		return e, e.past || e.message.Retain && (!q.newest(e) || e.expired(now)), 0
	}
	if e := q.pop(&q.express); e != nil {
		return e, e.message.Retain && e.expired(now), 0
	}
	if q.closing {
		return nil, false, 0
	}
	if e = q.waiting(); e == nil {
		return nil, false, 0
	}
	if q.drain > 0 {
		if wait := q.paced.Sub(now); wait > 0 {
			return nil, false, wait
		}
		q.paced = later(q.paced, now.Add(-timerSlack)).Add(time.Second / time.Duration(q.drain))
	}
	q.cursor = e.number
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
		if !e.settled || q.newest(e) {
			return e
		}
	}
	return nil
}

// waiting is the first of the history that is not sent.
func (q *queue) waiting() *entry {
	e := q.backlog.after(q.cursor)
	for e != nil && e.lane != history {
		q.cursor = e.number
		e = q.backlog.after(q.cursor)
	}
	return e
}

// unsendable is the reason for which an entry cannot go, empty if it can. The
// expiry of a state says how long it is current; as history it does not expire.
func (q *queue) unsendable(e *entry, now time.Time) string {
	switch {
	case !e.message.Retain && e.expired(now):
		return droppedExpired
	case q.server.maxPacket > 0 && packetSize(&e.message) > q.server.maxPacket:
		return droppedLarge
	}
	return ""
}

// fly sends an entry off.
func (q *queue) fly(e *entry, replay bool, now time.Time) *flight {
	q.part(e)
	f := &flight{
		entry:  e,
		qos:    min(e.message.QoS, q.server.qos),               // [MQTT-3.2.2-11]
		retain: e.message.Retain && q.server.retain && !replay, // [MQTT-3.2.2-14]
		replay: replay,
		sent:   now,
	}
	e.lane = flying
	if f.qos == mqtt.AtMostOnce {
		q.deliver(e)
		return f
	}
	f.id = q.freeID()
	q.ids[f.id] = f
	q.flights = append(q.flights, f)
	return f
}

// freeID is a packet identifier that is not in use. There is one: the window is
// smaller than their number.
func (q *queue) freeID() uint16 {
	for {
		q.lastID = q.lastID%mostIDs + 1
		if q.ids[q.lastID] == nil {
			return q.lastID
		}
	}
}
