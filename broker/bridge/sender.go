package bridge

import (
	"context"
	"fmt"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// send writes what the queue gives, until ctx ends.
func (l *link) send(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		if l.queue.overdue(l.conn.leftUntil(now), now) {
			return fmt.Errorf("%w although it lives", errUnanswered)
		}
		wait := l.pacer.wait(now)
		var next turn
		switch {
		case wait > 0:
		case len(l.questions) > 0 && l.subscribed.Load():
			if err := l.ask(); err != nil {
				return err
			}
			continue
		default:
			next = l.queue.next(now)
			wait = next.wait
		}
		switch {
		case next.entry != nil:
			if err := l.publish(next.flight, now); err != nil {
				return err
			}
			continue
		case next.flush:
			// If the disk fails, more than a window may come twice.
			_ = l.feed.Flush(ctx)
			l.queue.flushed()
			continue
		}
		if wait == 0 || wait > ackTimeout/4 {
			wait = ackTimeout / 4 // to look what is overdue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-l.queue.bell:
		case <-timer.C:
		}
	}
	return nil
}

// errUnanswered: a message is not acknowledged.
var errUnanswered = fmt.Errorf("the broker has not acknowledged a message for %v", ackTimeout)

// publish writes one message, or for one that the server has but did not finish
// with, the PUBREL.
func (l *link) publish(f flight, now time.Time) error {
	if f.released {
		_, err := (&packets.Pubrel{PacketID: f.id}).WriteTo(l.conn)
		return err
	}
	p := l.encode(f, now)
	if f.entry.first && !f.replay {
		n := l.number()
		p.Properties.User = append(p.Properties.User, packets.User{Key: n.Name, Value: n.Value})
	}
	l.pacer.take(len(p.Topic) + len(p.Payload))
	l.aliases.use(p)
	if l.format != nil && !f.replay {
		l.questions = append(l.questions, l.format.next(&f.entry.message)...)
	}
	_, err := p.WriteTo(l.conn)
	return err
}

// ask writes a question. One that is lost with the connection is asked on the next.
func (l *link) ask() error {
	m := l.questions[0]
	l.questions = l.questions[1:]
	l.pacer.take(len(m.Topic) + len(m.Payload))
	_, err := (&packets.Publish{Topic: m.Topic, Payload: m.Payload, Properties: &packets.Properties{}}).WriteTo(l.conn)
	return err
}

// encode is the packet of a flight.
func (l *link) encode(f flight, now time.Time) *packets.Publish {
	if len(f.more) > 0 {
		return f.encodeBatch(l.queue.batching)
	}
	return f.encode(now, l.format)
}
