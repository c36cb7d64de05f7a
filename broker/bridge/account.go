package bridge

import (
	"maps"
	"strings"

	"fieldmq/broker/mqtt"
)

// account is what became of the messages of one device. What was produced is the
// sum of what it says.
type account struct {
	queued    int64
	delivered uint64
	dropped   map[string]uint64 // by reason
}

// Account are the figures of one device: Produced = Delivered + Queued + all that
// is Dropped. They count from when the upstream was first there, over restarts.
type Account struct {
	Produced  uint64            `json:"produced"`
	Delivered uint64            `json:"delivered"`
	Queued    uint64            `json:"queued"`
	Dropped   map[string]uint64 `json:"dropped"` // by reason
}

// Lost is how many were dropped, for whatever reason.
func (a Account) Lost() (sum uint64) {
	for _, n := range a.Dropped {
		sum += n
	}
	return sum
}

// Less are the figures without those of a part.
func (a Account) Less(part Account) Account {
	rest := Account{Produced: a.Produced - part.Produced, Delivered: a.Delivered - part.Delivered, Queued: a.Queued - part.Queued, Dropped: map[string]uint64{}}
	for reason, n := range a.Dropped {
		if n -= part.Dropped[reason]; n > 0 {
			rest.Dropped[reason] = n
		}
	}
	return rest
}

// cause is what messages are counted by.
type cause struct{ account, reason string }

// mostAccounts is how many devices have an account of their own. Clients can make
// up any number; those of the others go to the account without a name.
const mostAccounts = 10_000

// deviceOf is the device that a topic here is of, empty if it is of none.
func deviceOf(topic string) string {
	rest, ours := strings.CutPrefix(topic, "device/")
	if !ours {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// accountOf is an account by name, which the entries of the queue have.
func (q *queue) accountOf(name string) *account {
	a := q.accounts[name]
	if a == nil {
		a = &account{}
		q.accounts[name] = a
	}
	return a
}

// open names the account that an entry is counted on.
func (q *queue) open(name string) string {
	if _, known := q.accounts[name]; !known && len(q.accounts) >= mostAccounts {
		return ""
	}
	return name
}

func (a *account) note(reason string, n uint64) {
	if reason == "" {
		a.delivered += n
		return
	}
	if a.dropped == nil {
		a.dropped = map[string]uint64{}
	}
	a.dropped[reason] += n
}

func (a *account) figures() Account {
	all := Account{Delivered: a.delivered, Queued: uint64(max(a.queued, 0)), Dropped: maps.Clone(a.dropped)}
	if all.Dropped == nil {
		all.Dropped = map[string]uint64{}
	}
	all.Produced = all.Delivered + all.Queued
	for _, n := range a.dropped {
		all.Produced += n
	}
	return all
}

// lose counts a message as dropped that never waited.
func (q *queue) lose(e *entry, reason string) { q.tally(e, reason) }

// tally counts a message that is not in the backlog. QoS 0 is counted there later:
// it is not worth a write each. So is what a store without room does not take, once
// that is a lot: a record each would take the rest of the room.
func (q *queue) tally(e *entry, reason string) {
	const few = 1000
	name := q.open(e.account)
	q.accountOf(name).note(reason, 1)
	q.sum.note(reason, 1)
	q.miss(q.highest, reason, e.came)
	if reason == droppedStore {
		q.unstored++
	}
	if e.message.QoS == mqtt.AtMostOnce || reason == droppedStore && q.unstored > few {
		q.later[cause{name, reason}]++
		return
	}
	q.backlog.count(name, reason, 1)
}

// countLater counts in the backlog what was left for later.
func (q *queue) countLater() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c, n := range q.later {
		q.backlog.count(c.account, c.reason, n)
	}
	clear(q.later)
}

// balance is the account of each device, by its id. The queue's lock is held.
func (q *queue) balance() map[string]Account {
	all := make(map[string]Account, len(q.accounts))
	for name, a := range q.accounts {
		all[name] = a.figures()
	}
	return all
}

// streams count messages by topic, roughly: topics that fall together are taken
// for one, which costs some of them a detour, and no memory whatever comes.
type streams struct{ counts [1 << 16]int32 }

func (s *streams) of(topic string) *int32 {
	hash := uint32(2166136261) // FNV-1a
	for i := range len(topic) {
		hash = (hash ^ uint32(topic[i])) * 16777619
	}
	return &s.counts[uint16(hash^hash>>16)]
}

func (s *streams) add(topic string, n int32) { *s.of(topic) += n }

func (s *streams) count(topic string) int32 { return *s.of(topic) }
