package bridge

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"fieldmq/broker/mqtt"
)

// begin starts with a server that lets us send. If it has our session, what was
// under way is sent again as it was [MQTT-4.4.0-1]; else it waits again, but for
// what the server said it has.
func (q *queue) begin(s server, present bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.server, q.connected, q.progress, q.patience = s, true, false, time.Time{}
	for _, f := range q.flights {
		f.dup = true
	}
	q.resend = slices.Clone(q.flights)
	if !present {
		q.ground()
	}
	q.arrange()
	q.ring()
}

// ground takes down all that was under way.
func (q *queue) ground() {
	var passed []*entry
	for _, f := range q.flights {
		for _, e := range f.entries() {
			switch {
			case f.released:
				q.deliver(e)
			case e.gap != nil:
				q.gaps.putBack(e.gap)
			case e.settled:
			case e.number == 0:
				e.lane = express
				passed = append(passed, e)
			default:
				q.shelve(e)
			}
		}
	}
	q.resend, q.flights, q.aloft = nil, nil, 0
	q.express = append(passed, q.express...)
	clear(q.ids)
}

// shelve leaves an entry to the backlog.
func (q *queue) shelve(e *entry) {
	if e == q.suspect || e.strikes > 0 {
		q.suspect = e // what is known of it is remembered
	}
	delete(q.busy, e.number)
	q.join(e)
}

// arrange divides what waits into what is current and what is history, for a new
// connection. The states go first that the server has not.
func (q *queue) arrange() {
	passed := append(q.releaseAll(), q.thinned(func(e *entry) bool { return e.number == 0 && (!e.settled || q.newest(e)) })...)
	var current []*entry
	for topic, s := range q.states {
		if s.waits && s.number != 0 && q.busy[s.number] == nil {
			current = append(current, q.lightState(topic, s))
		}
	}
	slices.SortFunc(current, ahead)
	for _, e := range current {
		q.busy[e.number] = e
	}
	q.express = slices.Concat(passed, current)
	slices.SortStableFunc(q.express, statusFirst)
	q.crowd = fewExpress + 2*len(current)
	q.rewind()
}

// lightState is an entry for a state that waits in the backlog.
func (q *queue) lightState(topic string, s state) *entry {
	if e := q.suspect; e != nil && e.number == s.number {
		e.lane = express
		return e
	}
	return &entry{
		item: item{number: s.number, message: mqtt.Message{Topic: topic, Retain: true}}, first: s.first, light: true, lane: express,
	}
}

// unload takes an entry off its lane: if its state is current it is called again, else
// it is history.
func (q *queue) unload(e *entry) {
	if e.settled || e.number == 0 {
		return
	}
	q.shelve(e)
}

// thinned empties express but for those that are to stay.
func (q *queue) thinned(stays func(*entry) bool) (left []*entry) {
	for _, e := range q.express {
		if stays(e) {
			left = append(left, e)
		} else {
			q.unload(e)
		}
	}
	q.express, q.held = nil, 0
	return left
}

// thin lets what is no state any more become history, for there is more than goes
// out.
func (q *queue) thin() {
	q.express = q.thinned(func(e *entry) bool { return e.number == 0 || e.message.Retain && q.newest(e) })
	for _, e := range q.express {
		if e.number != 0 {
			e.lighten()
		}
	}
	q.crowd = fewExpress + 2*len(q.express)
	q.rewind()
}

// rewind has history read from its beginning. What was read and settled since is
// not there any more, and what is on its way is skipped.
func (q *queue) rewind() { q.page, q.cursor, q.back, q.spared, q.behind = nil, 0, 0, 0, nil }

// recall puts all states into express that are retained here and that the server was
// told once, or not: it may have forgotten them.
func (q *queue) recall(retained iter.Seq[*entry]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := range retained {
		if s, known := q.states[e.message.Topic]; known && (s.waits || s.entry != nil && s.entry.lane != history) {
			continue // it goes anyway
		}
		e.settled, e.lane = true, express // not counted again
		q.remember(e)
		q.express = append(q.express, e)
	}
	slices.SortStableFunc(q.express, statusFirst)
	q.crowd = max(q.crowd, 2*len(q.express))
	q.ring()
}

// ahead orders what is current: who is online first.
func ahead(a, b *entry) int {
	if n := statusFirst(a, b); n != 0 {
		return n
	}
	return cmp.Compare(a.number, b.number)
}

func statusFirst(a, b *entry) int {
	switch {
	case a.first == b.first:
		return 0
	case a.first:
		return -1
	}
	return 1
}

// end notes that the connection is gone. If the server cut it, guilty is how
// sure that is the fault of the message that was first under way. The topic is
// that of a message which is given up because of it.
func (q *queue) end(guilty int) (topic string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connected = false
	defer q.disperse()
	i := slices.IndexFunc(q.flights, func(f *flight) bool { return !f.entry.settled })
	if guilty == 0 || i < 0 || i >= q.unanswered() {
		return ""
	}
	f := q.flights[i]
	if len(f.more) > 0 {
		q.scatter(f)
		return ""
	}
	q.suspect = f.entry
	if f.entry.strikes += guilty; f.entry.strikes < struckOut {
		return ""
	}
	q.land(f)
	topic = f.entry.message.Topic
	q.drop(f.entry, droppedPoison)
	return topic
}

// disperse leaves what is current to the backlog, and drops what is only good while
// there is a connection.
func (q *queue) disperse() {
	q.express = q.thinned(func(e *entry) bool {
		if e.number != 0 {
			return false
		}
		if !e.settled && e.message.QoS == mqtt.AtMostOnce && !e.message.Retain {
			q.drop(e, droppedOffline)
			return false
		}
		return true
	})
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
