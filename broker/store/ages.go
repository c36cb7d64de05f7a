package store

// ages counts messages that wait, by how long they have: without looking at
// each of them, it knows whether one is older than a beat.
type ages struct {
	now                uint32 // beats so far
	fresh, recent, old int    // born in this beat, the one before, earlier
}

func (a *ages) add(born uint32, n int) {
	switch a.now - born {
	case 0:
		a.fresh += n
	case 1:
		a.recent += n
	default:
		a.old += n
	}
}

// beat is called once a second or so.
func (a *ages) beat() {
	a.now++
	a.old += a.recent
	a.recent, a.fresh = a.fresh, 0
}
