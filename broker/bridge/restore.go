package bridge

import (
	"errors"
	"hash/fnv"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// candidate is the last message that waits on a retained topic.
type candidate struct {
	here string // the topic
	sum  uint64 // of the payload
}

func sumOf(payload []byte) uint64 {
	h := fnv.New64a()
	h.Write(payload)
	return h.Sum64()
}

// restore takes up what an earlier life has left in the backlog. retained is what is
// retained here on a topic, nil if nothing is.
func (q *queue) restore(tallies []broker.Tally, retained func(topic string) *mqtt.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range tallies {
		q.accountOf(t.Account).note("", t.Delivered)
		q.sum.note("", t.Delivered)
		for _, d := range t.Dropped {
			q.accountOf(t.Account).note(d.Reason, d.Count)
			q.sum.note(d.Reason, d.Count)
		}
	}
	last := map[string]candidate{}
	type unwanted struct {
		*entry
		reason string
	}
	var drop []unwanted
	q.backlog.read(0, nil, func(i item, err error) bool {
		e := q.entryOf(i, err)
		q.enter(e)
		switch {
		case err != nil:
			drop = append(drop, unwanted{e, droppedDamaged})
		case e.unwanted != "":
			drop = append(drop, unwanted{e, e.unwanted})
		case !e.message.Retain:
			q.join(e)
		default:
			q.remember(e)
			if q.newest(e) {
				last[e.message.Topic] = candidate{i.message.Topic, sumOf(i.message.Payload)}
			}
		}
		return true
	})
	for topic, c := range last {
		if !c.current(retained(c.here)) { // what came behind it has arrived
			delete(q.states, topic)
		}
	}
	for _, u := range drop {
		u.lane = flying // it has joined nothing
		q.drop(u.entry, u.reason)
	}
}

// current says whether this is what is retained here.
func (c candidate) current(m *mqtt.Message) bool {
	if m == nil {
		return c.sum == sumOf(nil)
	}
	return c.sum == sumOf(m.Payload)
}

// enter counts an entry that waits.
func (q *queue) enter(e *entry) {
	q.waiting++
	q.highest = max(q.highest, e.number)
	q.bytes += e.bytes
	q.accountOf(e.account).queued++
}

// squeeze drops the oldest messages, for the store has no room for new ones. It does
// so now and then, for a store needs a moment to give room back, and a few times at
// most until a message finds room: where others take what is given up, or someone
// else still waits for it, more would be lost in vain. It is not much at a time, and half
// of a small backlog, for each that is dropped costs a little room first; and what is
// less than much goes by itself where there is a connection, and is not what fills the
// store.
func (q *queue) squeeze(now time.Time) {
	const most, every, tries = 2 << 20, 250 * time.Millisecond, 4
	if q.connected && q.bytes <= most {
		return
	}
	if q.limits.Full == dropNewest || q.limits.Full == refuse || q.vain >= tries || now.Before(q.squeezed.Add(every)) {
		return
	}
	q.squeezed = now
	q.vain++
	for goal := q.bytes - min(most, q.bytes/2+1); q.bytes > goal; {
		v := q.oldest(true)
		if v == nil {
			return
		}
		q.drop(v, droppedSpace)
	}
}

// fail is take for a message that the store did not.
func (q *queue) fail(here item, own bool, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.offered
	if e == nil {
		return nil
	}
	q.offered = nil
	if errors.Is(err, broker.ErrNoRoom) {
		q.squeeze(here.came)
	}
	if !own && q.limits.Full == refuse {
		return err
	}
	if !q.connected {
		q.lose(e, droppedStore)
		return nil
	}
	e.expires, e.message.Payload = here.expires, here.message.Payload
	q.pass(e)
	return nil
}
