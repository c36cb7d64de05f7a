package store

import (
	"maps"
	"slices"

	"fieldmq/broker"
)

// tallies are what became of messages that a queue has settled, by account.
type tallies map[string]*tally

// tally is one account.
type tally struct {
	delivered uint64
	dropped   map[string]uint64 // by reason
}

func (t *tallies) add(r *countedRecord) {
	if *t == nil {
		*t = tallies{}
	}
	one := (*t)[r.Account]
	if one == nil {
		one = &tally{}
		(*t)[r.Account] = one
	}
	if r.Reason == "" {
		one.delivered += r.Count
		return
	}
	if one.dropped == nil {
		one.dropped = map[string]uint64{}
	}
	one.dropped[r.Reason] += r.Count
}

// list is in the order of the accounts.
func (t tallies) list() []broker.Tally {
	var all []broker.Tally
	for _, account := range slices.Sorted(maps.Keys(t)) {
		one := t[account]
		entry := broker.Tally{Account: account, Delivered: one.delivered}
		for _, reason := range slices.Sorted(maps.Keys(one.dropped)) {
			entry.Dropped = append(entry.Dropped, broker.Dropped{Reason: reason, Count: one.dropped[reason]})
		}
		all = append(all, entry)
	}
	return all
}

// talliesOf is the opposite of list.
func talliesOf(all []broker.Tally) (t tallies) {
	for _, one := range all {
		if one.Delivered > 0 || len(one.Dropped) == 0 {
			t.add(&countedRecord{broker.Counted{Account: one.Account, Count: one.Delivered}})
		}
		for _, d := range one.Dropped {
			t.add(&countedRecord{broker.Counted{Account: one.Account, Reason: d.Reason, Count: d.Count}})
		}
	}
	return t
}
