package bridge

import (
	"slices"
	"time"

	"fieldmq/broker/mqtt"
)

// entry is a message on its way upstream, with the topic that it has there.
type entry struct {
	message mqtt.Message
	came    time.Time
	expires time.Time // zero: never
	first   bool      // goes ahead of other states: who is online
	number  uint64    // its place in the backlog

	lane    lane
	past    bool // went as history once
	settled bool // delivered or dropped, and counted
	tries   int  // how often the server put it off
	strikes int  // how often the server cut the connection over it
}

func (e *entry) expired(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// lane says where a message waits.
type lane byte

const (
	history lane = iota // in the backlog, behind the cursor or before it
	express             // in the queue for what is current
	flying              // sent, and not acknowledged
)

// size is what the entry counts in the backlog, in bytes.
func (e *entry) size() int64 {
	const overhead = 200
	m := &e.message
	n := overhead + len(m.Topic) + len(m.Payload) + len(m.ContentType) + len(m.ResponseTopic) + len(m.CorrelationData)
	for _, p := range m.UserProperties {
		n += len(p.Name) + len(p.Value)
	}
	return int64(n)
}

// backlog keeps what is not settled, in the order it came. The queue guards it.
type backlog interface {
	// add puts an entry behind all others and numbers it.
	add(*entry)
	// after is the first entry behind a number, nil if there is none.
	after(number uint64) *entry
	// remove takes an entry out.
	remove(*entry)
	// len is how many entries there are.
	len() int
	// size is what they count together, in bytes.
	size() int64
}

// memory is a backlog that a restart loses.
type memory struct {
	slots []slot // by number; the first one is taken
	last  uint64 // number given
	taken int
	bytes int64
}

// slot is the place of an entry; nil: it is gone.
type slot struct {
	number uint64
	entry  *entry
}

var _ backlog = (*memory)(nil)

func (m *memory) add(e *entry) {
	m.last++
	e.number = m.last
	m.slots = append(m.slots, slot{e.number, e})
	m.taken++
	m.bytes += e.size()
}

func (m *memory) after(number uint64) *entry {
	for i := m.find(number + 1); i < len(m.slots); i++ {
		if e := m.slots[i].entry; e != nil {
			return e
		}
	}
	return nil
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

func (m *memory) remove(e *entry) {
	i := m.find(e.number)
	if i == len(m.slots) || m.slots[i].entry != e {
		return
	}
	m.slots[i].entry = nil
	m.taken--
	m.bytes -= e.size()
	for len(m.slots) > 0 && m.slots[0].entry == nil {
		m.slots = m.slots[1:]
	}
	if len(m.slots) > 2*m.taken+64 { // so a gap costs nothing for long
		m.slots = slices.DeleteFunc(m.slots, func(s slot) bool { return s.entry == nil })
	}
}

func (m *memory) len() int { return m.taken }

func (m *memory) size() int64 { return m.bytes }
