package broker

import "fieldmq/broker/mqtt"

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

// queue holds deliveries, first in, first out.
type queue struct {
	fifo[delivery]
	bytes  int
	popped int // so many have been, ever
}

func (q *queue) push(d delivery) {
	q.fifo.push(d)
	q.bytes += d.cost()
}

// over says whether a message more would be too many.
func (q *queue) over(limit, bytes int) bool { return q.len() >= limit || q.bytes > bytes }

func (q *queue) pop() delivery { return q.pull(0) }

// pull takes out the delivery i.
func (q *queue) pull(i int) delivery {
	d := q.remove(i)
	q.bytes -= d.cost()
	q.popped++
	return d
}

func (q *queue) take() []delivery {
	q.bytes = 0
	return q.fifo.take()
}

// cut takes out what stands behind the first n deliveries and returns it.
func (q *queue) cut(n int) []delivery {
	tail := append([]delivery{}, q.items[q.head+n:]...)
	clear(q.items[q.head+n:])
	q.items = q.items[:q.head+n]
	for i := range tail {
		q.bytes -= tail[i].cost()
	}
	return tail
}
