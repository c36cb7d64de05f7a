package tree

import (
	"slices"
	"sync/atomic"

	"fieldmq/broker/mqtt"
)

// Group is the members of a shared subscription. It does not change: a member
// that comes or goes makes another one, which keeps the turn. [MQTT-4.8.2]
type Group[S comparable] struct {
	Filter  mqtt.Filter // "$share/<name>/<filter>"
	Members []Member[S]
	turn    *atomic.Uint32 // counts, or is the index of who stays
}

// Member is one subscriber of a group.
type Member[S comparable] struct {
	Subscriber S
	Options    Options
}

// Turn counts the calls of it, for From to go round.
func (g *Group[S]) Turn() uint32 { return g.turn.Add(1) - 1 }

// From goes round the members and returns the first that suits, beginning with
// the number start modulo their number; if none suits, that one. [MQTT-4.8.2]
func (g *Group[S]) From(start uint32, suits func(S) bool) *Member[S] {
	return &g.Members[g.from(start, suits)]
}

// Stay returns the member that it returned before if it suits, or the next that
// does. A group is asked for either Turn or Stay.
func (g *Group[S]) Stay(suits func(S) bool) *Member[S] {
	last := g.turn.Load()
	i := g.from(last, suits)
	g.turn.CompareAndSwap(last, uint32(i))
	return &g.Members[i]
}

func (g *Group[S]) from(start uint32, suits func(S) bool) int {
	n := uint32(len(g.Members))
	for i := range n {
		at := (start%n + i) % n
		if suits(g.Members[at].Subscriber) {
			return int(at)
		}
	}
	return int(start % n)
}

func (g *Group[S]) with(s S, o Options) (_ *Group[S], isNew bool) {
	members := slices.Clone(g.Members)
	m := Member[S]{s, o}
	i := slices.IndexFunc(members, func(m Member[S]) bool { return m.Subscriber == s })
	if i >= 0 {
		members[i] = m
	} else {
		members = append(members, m)
	}
	return &Group[S]{g.Filter, members, g.turn}, i < 0
}

func (g *Group[S]) without(s S) (_ *Group[S], found bool) {
	i := slices.IndexFunc(g.Members, func(m Member[S]) bool { return m.Subscriber == s })
	if i < 0 {
		return g, false
	}
	if last := g.turn.Load(); uint32(i) < last { // those behind it move up
		g.turn.CompareAndSwap(last, last-1)
	}
	return &Group[S]{g.Filter, slices.Delete(slices.Clone(g.Members), i, i+1), g.turn}, true
}
