package modbus

import (
	"slices"
	"time"
)

// lessons is what a device taught us by refusing requests.
type lessons struct {
	refusals map[place]refusal
	gaps     []gap
}

// place is a range of a table, end excluded.
type place struct {
	table      Table
	first, end int
}

// refusal is the exception that a point got when it was asked for alone.
type refusal struct {
	exception Exception
	at        time.Time
}

// retryRefused is how long a refused point is not asked for again. The time it
// takes belongs to points that have something to say.
const retryRefused = time.Minute

// gap is what lies between two points that cannot be read together although
// each can be read alone. It may be empty: first == end.
type gap struct {
	table      Table
	first, end int
}

func newLessons() *lessons { return &lessons{refusals: make(map[place]refusal)} }

func (l *lessons) refuse(p place, e Exception, at time.Time) { l.refusals[p] = refusal{e, at} }

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
