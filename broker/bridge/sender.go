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
		if l.queue.overdue(now.Add(-ackTimeout)) {
			return fmt.Errorf("%w although it lives", errUnanswered)
		}
		f, wait := l.queue.next(now)
		if f.entry != nil {
			if err := l.publish(f, now); err != nil {
				return err
			}
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
	p := f.encode(now)
	if f.entry.first && !f.replay {
		n := l.number()
		p.Properties.User = append(p.Properties.User, packets.User{Key: n.Name, Value: n.Value})
	}
	l.aliases.use(p)
	_, err := p.WriteTo(l.conn)
	return err
}
