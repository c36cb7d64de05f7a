package bridge

import (
	"cmp"
	"slices"
	"time"
)

// A server may put off the messages of one topic and take those of others. Then the
// first of them is tried again and again, with growing pauses, and those behind it
// wait in the backlog, in order. A server that puts off many topics wants to be left
// alone.

// delay is a topic that waits until one of its messages is taken.
type delay struct {
	entry *entry    // the one; it is flying while it is tried
	until time.Time // not to be tried before
}

const (
	// mostDelays is how many topics wait by themselves.
	mostDelays = 64
	// mostPassedBy is how many messages of the history may be left behind, which are
	// read once more for each topic that waits no longer.
	mostPassedBy = 20_000
)

// delayed says whether the messages of a topic wait for one of them.
func (q *queue) delayed(topic string) bool { return q.delays[topic] != nil }

// postpone puts off what a flight carried, which the server does not take now.
func (q *queue) postpone(f *flight, now time.Time) {
	until := now.Add(min(time.Second<<min(f.entry.tries, 6), time.Minute))
	if len(f.more) == 0 && q.delay(f.entry, until) {
		return
	}
	q.tryAgain(f)
	q.patience = until
}

// delay has the topic of an entry wait for it. It fails if too many do.
func (q *queue) delay(e *entry, until time.Time) bool {
	d := q.delays[e.message.Topic]
	switch {
	case d == nil && len(q.delays) >= mostDelays:
		return false
	case d == nil:
		d = &delay{e, until}
		q.delays[e.message.Topic] = d
		q.clear(e.message.Topic)
	case d.entry == e:
		d.until = until
	case d.entry.lane == postponed && e.number < d.entry.number: // it came first
		q.stepBack(d.entry)
		d.entry = e
	default:
		q.stepBack(e)
		return true
	}
	e.tries++
	e.lane = postponed
	if e.number != 0 {
		e.lighten()
	}
	return true
}

// clear takes a topic that is delayed out of what is current.
func (q *queue) clear(topic string) {
	q.express = slices.DeleteFunc(q.express, func(e *entry) bool {
		if e.number == 0 || e.message.Topic != topic {
			return false
		}
		if !e.light {
			q.held -= int64(len(e.message.Payload))
		}
		if !e.settled {
			q.stepBack(e)
		}
		return true
	})
}

// stepBack lets an entry wait behind the one that its topic waits for.
func (q *queue) stepBack(e *entry) {
	if e.number == 0 {
		q.putAgain(e)
		return
	}
	q.shelve(e)
	if e.number <= q.cursor {
		q.back++
	}
}

// retry takes an entry that the server put off and whose time has come, nil if there
// is none.
func (q *queue) retry(now time.Time) *entry {
	q.again = slices.DeleteFunc(q.again, q.gone)
	if i := slices.IndexFunc(q.again, func(e *entry) bool { return !q.delayed(e.message.Topic) }); i >= 0 {
		e := q.again[i]
		q.again = slices.Delete(q.again, i, i+1)
		return e
	}
	for {
		d := q.nextDelay()
		if d == nil || d.until.After(now) {
			return nil
		}
		switch e := d.entry; {
		case e.light && !q.load(e):
			d.until = now.Add(unreadable)
		case !q.gone(e):
			return e
		default:
			q.release(e)
		}
	}
}

// gone says that an entry is not to be sent any more.
func (q *queue) gone(e *entry) bool { return e.settled && !q.newest(e) && e.gap == nil }

// nextDelay is the topic whose entry is to be tried next, nil if there is none.
func (q *queue) nextDelay() (next *delay) {
	for _, d := range q.delays {
		if d.entry.lane == postponed && (next == nil || d.compare(next) < 0) {
			next = d
		}
	}
	return next
}

func (d *delay) compare(other *delay) int {
	return cmp.Or(d.until.Compare(other.until), cmp.Compare(d.entry.number, other.entry.number))
}

// sooner is how long to wait: as long as said, zero being for ever, or until a topic
// is to be tried.
func (q *queue) sooner(wait time.Duration, now time.Time) time.Duration {
	d := q.nextDelay()
	if d == nil {
		return wait
	}
	until := max(d.until.Sub(now), time.Millisecond)
	if wait == 0 {
		return until
	}
	return min(wait, until)
}

// release lets a topic go on if it waits for this entry.
func (q *queue) release(e *entry) {
	topic := e.message.Topic
	if d := q.delays[topic]; d == nil || d.entry != e {
		return
	}
	delete(q.delays, topic)
	if s := q.states[topic]; q.connected && s.waits && s.number != 0 && s.number != e.number && q.busy[s.number] == nil {
		current := q.lightState(topic, s)
		q.busy[s.number] = current
		q.express = append(q.express, current)
	}
	if q.back > 0 {
		q.rewind()
	}
}

// releaseAll lets all topics go on, for a new connection, and returns what must be
// sent and is not in the backlog.
func (q *queue) releaseAll() (passed []*entry) {
	waiting := q.again
	q.again = nil
	for _, d := range q.delays {
		if d.entry.lane == postponed {
			waiting = append(waiting, d.entry)
		}
	}
	clear(q.delays)
	slices.SortStableFunc(waiting, func(a, b *entry) int { return cmp.Or(cmp.Compare(a.number, b.number), a.came.Compare(b.came)) })
	for _, e := range waiting {
		switch {
		case e.gap != nil:
			q.gaps.putBack(e.gap)
		case q.gone(e):
		case e.number == 0:
			e.lane = express
			passed = append(passed, e)
		default:
			q.unload(e)
		}
	}
	return passed
}

// passesByNoMore says whether too much of the history is left behind already.
func (q *queue) passesByNoMore() bool { return len(q.delays) > 0 && q.back >= mostPassedBy }
