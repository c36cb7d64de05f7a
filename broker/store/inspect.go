package store

import (
	"fmt"
	"iter"

	"fieldmq/broker"
)

// Report is what a folder holds.
type Report struct {
	Segments         int
	Bytes            int64 // of all segments
	Live             int64 // of facts that hold
	Records          int
	Sessions         int
	Subscriptions    int
	Retained         int
	Messages         int // that sessions wait for
	Damage           []Damage
	state            *state
	messagesOfClient map[string]int
}

// Inspect reads a folder without changing it, also while a gateway uses it; what
// that gateway does meanwhile may look like damage at the end.
func Inspect(dir string) (*Report, error) {
	r := &Report{messagesOfClient: map[string]int{}}
	found, err := read(dir, func(record) { r.Records++ })
	if err != nil {
		return nil, fmt.Errorf("read the store in %s: %w", dir, err)
	}
	r.state, r.Damage, r.Segments = found.state, found.damage, len(found.segments)
	for _, g := range found.segments {
		r.Bytes += g.end
		r.Live += g.live
	}
	numbers := map[uint64]bool{}
	for id, c := range r.state.clients {
		r.Subscriptions += len(c.subs)
		r.messagesOfClient[id] = len(c.messages)
		for n := range c.messages {
			numbers[n] = true
		}
	}
	r.Sessions, r.Retained, r.Messages = len(r.state.clients), len(r.state.retained), len(numbers)
	return r, nil
}

// Waiting is how many messages wait for a client.
func (r *Report) Waiting(clientID string) int { return r.messagesOfClient[clientID] }

// All is what a broker would be told, in that order.
func (r *Report) All() iter.Seq2[broker.Record, error] { return load(r.state) }
