package bridge

import (
	"cmp"
	"slices"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// land takes a flight out of those under way.
func (q *queue) land(f *flight) {
	delete(q.ids, f.id)
	if i := slices.Index(q.flights, f); i >= 0 {
		q.flights = slices.Delete(q.flights, i, i+1)
		q.aloft -= f.payload()
	}
	q.resend = slices.DeleteFunc(q.resend, func(r *flight) bool { return r == f })
}

// received is told of PUBREC that does not fail. It says whether PUBREL is to be sent.
func (q *queue) received(id uint16) (release bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.ids[id]
	if f == nil || f.qos != mqtt.ExactlyOnce {
		return f == nil // the server may finish with what we do not know
	}
	f.released = true
	return true
}

// acknowledge is told of PUBACK, PUBCOMP and a PUBREC that fails. refused is
// the topic of a message that the server will not have, later that it may yet.
func (q *queue) acknowledge(id uint16, r packet.Reason, now time.Time) (refused string, later bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.ring()
	f := q.ids[id]
	if f == nil {
		return "", false
	}
	q.land(f)
	q.progress = true
	e := f.entry
	switch {
	case !r.Failed(), r == packet.IDNotFound: // PUBCOMP for what it has finished [MQTT-4.3.3]
		for _, e := range f.entries() {
			q.deliver(e)
		}
		return "", false
	case q.putOff(e, r):
		q.postpone(f, now)
		return e.message.Topic, true
	case len(f.more) > 0: // which of them it will not have shows when each goes by itself
		q.tryAgain(f)
		return "", false
	}
	refused = e.message.Topic
	q.drop(e, r.String())
	return refused, false
}

// tryAgain puts what a flight carried among what the server has put off, in order.
func (q *queue) tryAgain(f *flight) {
	for _, e := range f.entries() {
		e.tries++
		q.putAgain(e)
	}
}

func (q *queue) putAgain(e *entry) {
	e.lane = postponed
	i, _ := slices.BinarySearchFunc(q.again, e, func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
	q.again = slices.Insert(q.again, i, e)
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

// overdue says whether the first that is under way has left for longer than the server
// may take to acknowledge it; what was sent up to a time has left.
func (q *queue) overdue(left, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unanswered() == 0 {
		return false
	}
	f := q.flights[0]
	if f.left.IsZero() && !f.sent.After(left) {
		f.left = now
	}
	return !f.left.IsZero() && now.Sub(f.left) > ackTimeout
}
