package bridge

// makeRoom lets something give way to a new entry, and says whether there is
// room for it.
func (q *queue) makeRoom(e *entry) bool {
	if e.size() > int64(q.limits.Max) {
		return false // however much gave way
	}
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
