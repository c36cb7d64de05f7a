package bridge

import (
	"slices"

	"fieldmq/broker"
)

// backlog keeps what is not settled, in the order it came: by number. The queue
// guards it.
type backlog interface {
	// add keeps a message that has a number.
	add(item)
	// read calls each for the messages behind a number, in order, until it returns
	// false, but for those that skip names. One that cannot be read comes with an
	// error. The newest may be missing for a moment.
	read(after uint64, skip func(uint64) bool, each func(item, error) bool)
	// settle takes a message out, for an account: it is delivered, or dropped for a
	// reason.
	settle(number uint64, account, reason string)
	// count counts messages that were never kept.
	count(account, reason string, n uint64)
}

// one reads the message of a number; ok is false if it cannot be read now.
func one(b backlog, number uint64) (found item, err error, ok bool) {
	b.read(number-1, nil, func(i item, failed error) bool {
		if i.number == number {
			found, err, ok = i, failed, true
		}
		return false
	})
	return found, err, ok
}

// durable is a backlog in the store of the broker.
type durable struct{ feed *broker.Feed }

var _ backlog = durable{}

func (durable) add(item) {} // the broker has done so

func (d durable) read(after uint64, skip func(uint64) bool, each func(item, error) bool) {
	d.feed.Read(after, skip, func(w broker.Waiting, err error) bool {
		return each(item{number: w.Number, message: w.Message, came: w.Came, expires: w.Expires}, err)
	})
}

func (d durable) settle(number uint64, account, reason string) {
	d.feed.Count(number, account, reason, 1)
}

func (d durable) count(account, reason string, n uint64) { d.feed.Count(0, account, reason, n) }

// memory is a backlog that a restart loses.
type memory struct {
	slots []slot // by number; the first one is taken
	taken int
}

// slot is the place of a message; nil: it is gone.
type slot struct {
	number uint64
	item   *item
}

var _ backlog = (*memory)(nil)

func (m *memory) add(i item) {
	m.slots = append(m.slots, slot{i.number, &i})
	m.taken++
}

func (m *memory) read(after uint64, skip func(uint64) bool, each func(item, error) bool) {
	for i := m.find(after + 1); i < len(m.slots); i++ {
		s := m.slots[i]
		if s.item != nil && (skip == nil || !skip(s.number)) && !each(*s.item, nil) {
			return
		}
	}
}

// find is the first slot with a number of at least this.
func (m *memory) find(number uint64) int {
	i, _ := slices.BinarySearchFunc(m.slots, number, func(s slot, n uint64) int {
		switch {
		case s.number < n:
			return -1
		case s.number > n:
			return 1
		}
		return 0
	})
	return i
}

func (m *memory) settle(number uint64, _, _ string) {
	i := m.find(number)
	if i == len(m.slots) || m.slots[i].number != number || m.slots[i].item == nil {
		return
	}
	m.slots[i].item = nil
	m.taken--
	for len(m.slots) > 0 && m.slots[0].item == nil {
		m.slots = m.slots[1:]
	}
	if len(m.slots) > 2*m.taken+64 { // so a gap costs nothing for long
		m.slots = slices.DeleteFunc(m.slots, func(s slot) bool { return s.item == nil })
	}
}

func (*memory) count(string, string, uint64) {}
