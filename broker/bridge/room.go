package bridge

import "time"

// makeRoom lets something give way to a new entry, and says whether there is
// room for it.
func (q *queue) makeRoom(e *entry) bool {
	if e.bytes > int64(q.limits.Max) {
		return false // however much gave way
	}
	for q.full(e) {
		victim := q.victim(e)
		if victim == nil {
			return false
		}
		q.drop(victim, droppedFull)
	}
	return true
}

func (q *queue) full(e *entry) bool {
	return q.waiting >= q.limits.Messages || q.bytes+e.bytes > int64(q.limits.Max)
}

// victim is what gives way to a new entry: the oldest that waits, but the last
// value of a retained topic after all others; or where the newest are to give way,
// what the entry makes obsolete.
func (q *queue) victim(e *entry) *entry {
	if q.limits.Full == dropNewest || q.limits.Full == refuse {
		old, known := q.states[e.message.Topic]
		if !e.message.Retain || !known || !old.waits || old.number == 0 {
			return nil
		}
		return q.idler(old.number)
	}
	for len(q.behind) > 0 {
		number := q.behind[0]
		q.behind = q.behind[1:]
		if v := q.idler(number); v != nil && !q.newest(v) {
			return v
		}
	}
	if v := q.oldest(true); v != nil {
		return v
	}
	return q.oldest(false)
}

// idler is the entry of a number, unless it is under way.
func (q *queue) idler(number uint64) *entry {
	if e := q.busy[number]; e != nil {
		if e.lane == flying {
			return nil
		}
		return e
	}
	i, err, ok := one(q.backlog, number)
	if !ok {
		return nil
	}
	return q.entryOf(i, err)
}

// oldest is the first in the backlog that is not under way, and no state that is
// current if these are spared.
func (q *queue) oldest(spare bool) (v *entry) {
	after := uint64(0)
	if spare {
		after = q.spared
	}
	q.backlog.read(after, nil, func(i item, err error) bool {
		if b := q.busy[i.number]; b != nil {
			v = b
		} else {
			v = q.entryOf(i, err)
		}
		if v.lane == flying || spare && q.newest(v) {
			v = nil
			if spare {
				q.spared = i.number
			}
		}
		return v == nil
	})
	return v
}

// entryOf is the entry of a message that waits as history.
func (q *queue) entryOf(i item, err error) *entry {
	if err != nil { // what it was is not known any more, and so not on whose account
		return &entry{item: i, bytes: q.bytes / int64(max(q.waiting, 1))}
	}
	e := q.translate(i)
	e.account = q.open(e.account)
	if s := q.suspect; s != nil && s.number == i.number {
		s.item, s.light = e.item, false
		return s
	}
	return e
}

// forgetOld drops what has waited for longer than it may.
func (q *queue) forgetOld(now time.Time) {
	oldest := now.Add(-q.limits.MaxAge.D())
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limits.MaxAge == 0 {
		return
	}
	for q.waiting > 0 {
		v := q.oldest(true)
		if v == nil || v.came.After(oldest) || v.lane == express {
			return
		}
		q.drop(v, droppedOld)
	}
}
