package bridge

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

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
	if guilty == 0 || i < 0 || i >= q.unanswered() {
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
