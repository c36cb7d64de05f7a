package store

// ages counts messages that wait and are not on the disk, by how long they have:
// without looking at each of them, it knows whether one is older than a beat. Numbers
// rise, so that one tells the age of its message.
type ages struct {
	safe               uint64 // the highest number that is on the disk
	last, before       uint64 // the highest number of the beat before this one, and of those before that
	fresh, recent, old int    // of this beat, the one before, earlier
}

func (a *ages) add(number uint64, n int) {
	switch {
	case number > a.last:
		a.fresh += n
	case number > a.before:
		a.recent += n
	case number > a.safe:
		a.old += n
	}
}

// beat is called once a second or so, with the highest number so far.
func (a *ages) beat(highest uint64) {
	a.before, a.last = a.last, highest
	a.old += a.recent
	a.recent, a.fresh = a.fresh, 0
}

// sync is told that all is on the disk up to a number. Some more may count as old after
// it than are, until the next one.
func (a *ages) sync(highest uint64) {
	if highest < a.before {
		return
	}
	a.safe, a.old = highest, 0
	if highest >= a.last {
		a.before, a.recent = a.last, 0
	}
}
