package bridge

// Some formats know of messages that cannot go yet, and of others that arrived though
// no acknowledgement says so. They name what is under way by its identifier.

// revisit has what was held back looked at again.
func (q *queue) revisit() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rewind()
}

// leave leaves what is under way by an identifier to the history.
func (q *queue) leave(id uint16) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.ids[id]
	if f == nil {
		return
	}
	q.land(f)
	if f.entry.settled {
		return
	}
	q.shelve(f.entry)
	if f.entry.number <= q.cursor {
		q.back++
	}
}

// reject gives up what is under way by an identifier.
func (q *queue) reject(id uint16, reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if f := q.ids[id]; f != nil {
		q.land(f)
		q.drop(f.entry, reason)
	}
}

// underWay are the identifiers of what is not acknowledged, in the order sent.
func (q *queue) underWay() (ids []uint16) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range q.flights {
		ids = append(ids, f.id)
	}
	return ids
}
