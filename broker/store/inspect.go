package store

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

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
	Kept             []Kept
	Damage           []Damage
	state            *state
	messagesOfClient map[string]int
	segments         []*segment
}

// Inspect reads a folder without changing it, also while a gateway uses it. The
// report holds its files until it is closed. What looks like damage may be a write
// that is under way: it counts if it is still there a moment later.
func Inspect(dir string) (*Report, error) {
	const moment, tries = 20 * time.Millisecond, 20
	var before []Damage
	for try := 1; ; try++ {
		r, err := inspect(dir)
		if err != nil {
			return nil, fmt.Errorf("read the store in %s: %w", dir, err)
		}
		found := r.Damage
		r.Damage = slices.DeleteFunc(slices.Clone(found), func(d Damage) bool { return !slices.Contains(before, d) })
		if len(r.Damage) == len(found) || try == tries {
			return r, nil
		}
		r.Close()
		before = found
		time.Sleep(moment)
	}
}

func inspect(dir string) (*Report, error) {
	all, err := hold(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{messagesOfClient: map[string]int{}, segments: all}
	found, err := readAll(dir, all, func(record) { r.Records++ })
	if err != nil {
		r.Close()
		return nil, err
	}
	r.state, r.Damage, r.Segments = found.state, found.damage, len(found.segments)
	for _, g := range found.segments {
		r.Bytes += g.end
		r.Live += g.live
	}
	for id, c := range r.state.clients {
		r.Subscriptions += len(c.subs)
		r.messagesOfClient[id] = c.waiting.count
	}
	r.Kept = r.state.allKept()
	r.Sessions, r.Retained, r.Messages = len(r.state.clients), len(r.state.retained), r.state.messages.count
	return r, nil
}

// hold opens the segments of a folder that a gateway may remove soon: the oldest.
func hold(dir string) ([]*segment, error) {
	const tries, most = 100, 500 // a process may have a thousand files open, or many more
	for try := 1; ; try++ {
		all, err := segmentsIn(dir)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, errNoStore
		}
		for _, g := range all[:min(len(all), most)] {
			if g.held, err = os.Open(g.path); err != nil {
				break
			}
		}
		if err == nil {
			return all, nil
		}
		release(all)
		if try == tries || !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
}

func release(all []*segment) {
	for _, g := range all {
		g.held.Close() // nil is taken, too
	}
}

// Close lets go of the files.
func (r *Report) Close() { release(r.segments) }

// Waiting is how many messages wait for a client.
func (r *Report) Waiting(clientID string) int { return r.messagesOfClient[clientID] }

// All is what a broker would be told, in that order.
func (r *Report) All() iter.Seq2[broker.Record, error] { return load(r.state, true) }
