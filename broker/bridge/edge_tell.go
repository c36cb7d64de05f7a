package bridge

import (
	"context"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// What devices say waits in the queue, as for any upstream; it is made into the past,
// and numbered, when it is told. All data goes with QoS 0, so that nobody acknowledges
// it: the answer to a PINGREQ that was written behind it does.

// question is a PINGREQ that is under way.
type question struct {
	number int64 // 0: none is
	at     time.Time
	ids    []uint16 // of the messages that it answers for
}

const (
	// edgeWindow is how many messages are under way at most.
	edgeWindow = 200
	// askEvery is how long few messages wait for a PINGREQ at most.
	askEvery = time.Second
)

// giveBirth says what there is now, with the current values. What waited before that
// is the past. On a connection it comes once by itself, and again when a host asks.
func (l *edgeLink) giveBirth(ctx context.Context) {
	if l.edge.live {
		l.send(l.edge.births(time.Now())...)
		return
	}
	s := server{window: edgeWindow, qos: mqtt.AtLeastOnce}
	l.config.Limits.bound(&s)
	l.queue.begin(s, false)
	var old flight
	for old.entry == nil {
		f, _ := l.next(ctx, time.Now())
		switch {
		case f.entry == nil:
			l.send(l.edge.births(time.Now())...)
			return
		case f.replay:
			old = f
		case l.knows(&f):
			l.see(&f)
		}
	}
	l.send(l.edge.births(time.Now())...)
	l.send(l.data(&old)...)
}

// next is what to tell now; if there is nothing, when to look again. The disk is seen
// to meanwhile.
func (l *edgeLink) next(ctx context.Context, now time.Time) (flight, time.Duration) {
	for {
		turn := l.queue.next(now)
		if !turn.flush {
			return turn.flight, turn.wait
		}
		_ = l.feed.Flush(ctx) // if the disk fails, more than a window may come twice
		l.queue.flushed()
	}
}

// knows says whether a message is of a device of this node. One that is not has no
// place there.
func (l *edgeLink) knows(f *flight) bool {
	id := deviceOf(f.entry.message.Topic)
	if l.edge.devices[id] == nil {
		l.send(l.edge.info(id, l.birth(id), time.Now())...)
	}
	if l.edge.devices[id] == nil {
		l.queue.reject(f.id, droppedFormat)
		return false
	}
	return true
}

// see takes in what is current, for the birth. That of a device which is offline is
// the past when it is born.
func (l *edgeLink) see(f *flight) {
	id := deviceOf(f.entry.message.Topic)
	l.edge.see(id, f.entry.message.Payload)
	if l.edge.waits(id) {
		l.queue.leave(f.id)
	}
}

// data is what a message of here is told as.
func (l *edgeLink) data(f *flight) []mqtt.Message {
	id := deviceOf(f.entry.message.Topic)
	switch {
	case !l.knows(f):
		return nil
	case l.edge.waits(id):
		l.see(f)
		return nil
	}
	m, news := l.edge.tell(id, f.entry.message.Payload, f.replay)
	if !news { // who knows what was told before knows this
		l.queue.acknowledge(f.id, packet.Success, time.Now())
		return nil
	}
	return []mqtt.Message{m}
}

// tell sends what is due, and says when to look again.
func (l *edgeLink) tell(ctx context.Context) time.Duration {
	for l.edge.live {
		now := time.Now()
		if wait := l.pacer.wait(now); wait > 0 {
			return wait
		}
		f, wait := l.next(ctx, now)
		if f.entry == nil {
			return l.ask(now, wait)
		}
		l.send(l.data(&f)...)
	}
	return 0
}

// ask sends a PINGREQ if enough is under way, or has been for long enough. It says
// when to look again, if that is sooner.
func (l *edgeLink) ask(now time.Time, wait time.Duration) time.Duration {
	ids := l.queue.underWay()
	if l.asked.number != 0 || len(ids) == 0 {
		return wait
	}
	if due := l.asked.at.Add(askEvery).Sub(now); due > 0 && len(ids) < edgeWindow/2 {
		if wait == 0 {
			return due
		}
		return min(wait, due)
	}
	l.askOf(ids, now)
	return wait
}

// askOf sends the PINGREQ that asks whether certain messages were read.
func (l *edgeLink) askOf(ids []uint16, now time.Time) {
	number, err := l.conn.ping()
	if err == nil { // else the connection ends
		l.asked = question{number: number, at: now, ids: ids}
	}
}

// answered settles what the server has read.
func (l *edgeLink) answered() {
	if l.asked.number == 0 || l.conn.pongs.Load() < l.asked.number {
		return
	}
	for _, id := range l.asked.ids {
		l.queue.acknowledge(id, packet.Success, time.Now())
	}
	l.asked.number = 0
}

// untilRead waits for a moment until the server has read all that was told.
func (l *edgeLink) untilRead() {
	enough := time.After(farewell)
	for ids := l.queue.underWay(); len(ids) > 0; ids = l.queue.underWay() {
		if l.asked.number == 0 {
			l.askOf(ids, time.Now())
		}
		select {
		case <-l.conn.answered:
			l.answered()
		case <-l.client.Done():
			return
		case <-enough:
			return
		}
	}
}
