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
	turn    *atomic.Uint32
}

// Member is one subscriber of a group.
type Member[S comparable] struct {
	Subscriber S
	Options    Options
}

// Next goes round the members and returns the first that suits; if none does,
// the one whose turn it was. [MQTT-4.8.2]
func (g *Group[S]) Next(suits func(S) bool) *Member[S] {
	first := int(g.turn.Add(1)-1) % len(g.Members)
	for i := range g.Members {
		m := &g.Members[(first+i)%len(g.Members)]
		if suits(m.Subscriber) {
			return m
		}
	}
	return &g.Members[first]
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
	members := slices.DeleteFunc(slices.Clone(g.Members), func(m Member[S]) bool { return m.Subscriber == s })
	return &Group[S]{g.Filter, members, g.turn}, len(members) < len(g.Members)
}
