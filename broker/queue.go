package broker

import (
	"sync/atomic"

	"fieldmq/broker/mqtt"
)

// delivery is a message that waits for its turn to go to one client.
type delivery struct {
	message *message
	qos     mqtt.QoS
	retain  bool
	replay  bool        // a retained message that a subscription brought
	ids     []uint32    // subscription identifiers
	share   mqtt.Filter // of the shared subscription it came by; empty: none
	number  uint64      // its name in the store; 0: it is not there
}

// cost is what the delivery adds to a queue in bytes; a retained message is
// held by its topic anyway.
func (d *delivery) cost() int {
	if d.replay {
		return 0
	}
	return d.message.size()
}

// exact says whether the store must know the packet identifier before the
// client does. A crash in between would give the message another one, and a
// client that knows it by the first would take it twice. [MQTT-4.3.3-1]
func (d *delivery) exact() bool { return d.number != 0 && d.qos == mqtt.ExactlyOnce }

// hoard is what waits in all queues together, in bytes: each message once, and a place
// for each client that it waits for.
type hoard struct{ bytes atomic.Int64 }

// placeCost is what a delivery takes up in a queue, roughly.
const placeCost = 96

func (h *hoard) enter(d *delivery) {
	if h == nil { // of a queue of its own
		return
	}
	n := placeCost
	if !d.replay && d.message.waits.Add(1) == 1 {
		n += d.message.size()
	}
	h.bytes.Add(int64(n))
}

func (h *hoard) leave(d *delivery) {
	if h == nil {
		return
	}
	n := placeCost
	if !d.replay && d.message.waits.Add(-1) == 0 {
		n += d.message.size()
	}
	h.bytes.Add(-int64(n))
}

// queue holds deliveries, first in, first out.
type queue struct {
	fifo[delivery]
	hoard  *hoard // that counts them, too; nil: none does
	bytes  int
	popped int // so many have been, ever
}

func (q *queue) push(d delivery) {
	q.fifo.push(d)
	q.bytes += d.cost()
	q.hoard.enter(&d)
}

// over says whether a message more would be too many.
func (q *queue) over(limit, bytes int) bool { return q.len() >= limit || q.bytes > bytes }

func (q *queue) pop() delivery { return q.pull(0) }

// pull takes out the delivery i.
func (q *queue) pull(i int) delivery {
	d := q.remove(i)
	q.bytes -= d.cost()
	q.hoard.leave(&d)
	q.popped++
	return d
}

func (q *queue) take() []delivery {
	q.bytes = 0
	all := q.fifo.take()
	for i := range all {
		q.hoard.leave(&all[i])
	}
	return all
}

// cut takes out what stands behind the first n deliveries and returns it.
func (q *queue) cut(n int) []delivery {
	tail := append([]delivery{}, q.items[q.head+n:]...)
	clear(q.items[q.head+n:])
	q.items = q.items[:q.head+n]
	for i := range tail {
		q.bytes -= tail[i].cost()
		q.hoard.leave(&tail[i])
	}
	return tail
}
