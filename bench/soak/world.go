package main

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"fieldmq/broker/mqtt"
)

// tick numbers events in the order in which they happened.
type tick int64

// never is when what has not happened happens.
const never tick = math.MaxInt64

// message is what somebody published, or left as a will.
type message struct {
	id      uint64 // publisher and number
	topic   string
	qos     mqtt.QoS
	retain  bool
	empty   bool // clears the retained message, and cannot be told from others
	will    bool
	void    bool // a will that shall never come
	judged  bool // in an earlier epoch; may still be retained
	payload string

	begin tick // before it was given to the network
	end   tick // after the broker has taken it; never: nobody knows
	late  tick // it is taken by then or never will be; 0: it still may
}

func messageID(publisher int, number uint32) uint64 { return uint64(publisher)<<32 | uint64(number) }

func (m *message) publisher() int { return int(m.id >> 32) }

func (m *message) String() string {
	what := "message"
	if m.will {
		what = "will"
	}
	flags := ""
	if m.retain {
		flags = ", retain"
	}
	return fmt.Sprintf("%s %d.%d on %s, QoS %d%s", what, m.publisher(), uint32(m.id), m.topic, m.qos, flags)
}

// pad is the payload of a message: its id, and bytes that follow from it.
func pad(id uint64, size int) string {
	head := fmt.Sprintf("%d.%d ", id>>32, uint32(id))
	return head + strings.Repeat(string('a'+rune(id%26)), size)
}

// readID is the id of the message that a payload belongs to.
func readID(payload string) (uint64, error) {
	var publisher int
	var number uint32
	_, err := fmt.Sscanf(payload, "%d.%d ", &publisher, &number)
	return messageID(publisher, number), err
}

// world is what has been published, and the lock of the whole model.
type world struct {
	silent sync.Once // the broker did not answer

	mu     sync.Mutex
	now    tick
	byID   map[uint64]*message
	topics map[string][]*message // as they began
}

func newWorld() *world {
	return &world{byID: map[uint64]*message{}, topics: map[string][]*message{}}
}

// tick takes a number. The lock is held.
func (w *world) tick() tick {
	w.now++
	return w.now
}

// add takes a message in that is about to be published, or might be. The lock
// is held.
func (w *world) add(m *message) {
	w.byID[m.id] = m
	w.topics[m.topic] = append(w.topics[m.topic], m)
}

// gone says whether the message had its turn before an instant, if it ever had:
// one that was begun then is the newer one.
func (m *message) gone(at tick) bool { return m.end < at || m.late > 0 && m.late < at }

// holders are the messages that the broker may have held as the retained one
// of a topic at some time since an instant, in the order of their beginning.
// Certain says that it has held one ever since. The lock is held.
func (w *world) holders(topic string, since tick) (may []*message, certain bool) {
	var last tick // the latest beginning of those that were over by then
	for _, m := range w.topics[topic] {
		if m.retain && m.end < since {
			last = max(last, m.begin)
		}
	}
	certain = last > 0
	for _, m := range w.topics[topic] {
		if !m.retain || m.begin == never || m.gone(last) {
			continue
		}
		may = append(may, m)
		certain = certain && !m.empty
	}
	return may, certain
}

// forget drops what has been judged: all but wills that wait, and messages that
// may be retained. The lock is held.
func (w *world) forget() {
	now := w.tick()
	for topic := range w.topics {
		kept, _ := w.holders(topic, now)
		for _, m := range w.topics[topic] {
			delete(w.byID, m.id)
			if m.begin == never && !m.void {
				kept = append(kept, m) // a will that waits
			}
		}
		for _, m := range kept {
			w.byID[m.id] = m
			m.judged = m.begin < now
			if m.judged && m.late == 0 {
				m.late = now // which does not say that it was taken: a cut may have lost it
			}
		}
		w.topics[topic] = kept
	}
}
