package modbus

import (
	"slices"
	"time"
)

// lessons is what a device taught us by refusing requests.
type lessons struct {
	refusals    map[place]refusal
	gaps        []gap
	noMask      bool  // it does not know function code 22
	noReadWrite bool  // nor 23
	chain       chain // of SunSpec blocks; nil: not looked for
}

// place is a range of a table, end excluded.
type place struct {
	table      Table
	first, end int
}

// placeOf is all that is read for a point at once.
func placeOf(a *Address) place {
	if a.Call != nil {
		id := a.Call.id()
		return place{Called, id, id + 1}
	}
	first, end := a.span()
	return place{a.Table(), first, end}
}

// refusal is the exception that a point got when it was asked for alone.
type refusal struct {
	exception Exception
	at        time.Time // the last time
	since     time.Time
}

// retryRefused is how long a refused point is not asked for again. The time it
// takes belongs to points that have something to say.
const retryRefused = time.Minute

// gap is what lies between two points that cannot be read together although
// each can be read alone. It may be empty: first == end.
type gap struct {
	table      Table
	first, end int
	since      time.Time
}

func newLessons() *lessons { return &lessons{refusals: make(map[place]refusal)} }

func (l *lessons) refuse(p place, e Exception, at time.Time) {
	since := at
	if before, ok := l.refusals[p]; ok && before.exception == e {
		since = before.since
	}
	l.refusals[p] = refusal{e, at, since}
}

func (l *lessons) refused(p place) bool {
	_, ok := l.refusals[p]
	return ok
}

// part notes that the points on both sides of a gap must be read apart.
func (l *lessons) part(g gap) { l.gaps = append(l.gaps, g) }

// apart says whether reading across a gap would touch what was refused.
func (l *lessons) apart(g gap) bool {
	if g.first > g.end {
		return false
	}
	for p := range l.refusals {
		if p.table == g.table && p.first < g.end && g.first < p.end {
			return true
		}
	}
	return slices.ContainsFunc(l.gaps, func(known gap) bool {
		return known.table == g.table && known.first <= g.end && g.first <= known.end
	})
}
