package bridge

import (
	"time"

	"fieldmq/broker/mqtt"
)

// item is a message that waits, as the broker here has it.
type item struct {
	number  uint64 // its name in the backlog; 0: it is not there
	message mqtt.Message
	came    time.Time
	expires time.Time // zero: never
}

// size is what a message counts in the backlog, in bytes.
func (i *item) size() int64 {
	const overhead = 200
	m := &i.message
	n := overhead + len(m.Topic) + len(m.Payload) + len(m.ContentType) + len(m.ResponseTopic) + len(m.CorrelationData)
	for _, p := range m.UserProperties {
		n += len(p.Name) + len(p.Value)
	}
	return int64(n)
}

// entry is a message on its way upstream, or about to be: most of those that wait
// have none, and stand in the backlog alone.
type entry struct {
	item           // with the topic and the properties that it has upstream
	account string // on which it is counted
	bytes   int64  // its size in the backlog
	first   bool   // goes ahead of other states: who is online

	lane     lane
	light    bool   // item has no message: it is to be read when it goes
	gap      *gap   // that it tells of; nil: of none
	unwanted string // why it does not go, though it waits
	past     bool   // went as history once
	settled  bool   // delivered or dropped, and counted
	tries    int    // how often the server put it off
	strikes  int    // how often the server cut the connection over it
}

func (e *entry) expired(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// lane says where an entry is.
type lane byte

const (
	history   lane = iota // in the backlog, behind the cursor or before it
	express               // in the queue for what is current
	flying                // sent, and not acknowledged
	postponed             // put off by the server
)

// state is the newest message of a retained topic.
type state struct {
	number uint64
	entry  *entry // where it was given no number
	first  bool
	waits  bool // it is not settled
}
