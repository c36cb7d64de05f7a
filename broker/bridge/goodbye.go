package bridge

import (
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/packet"
)

// sayGoodbye lets what was published until now go, then that the gateway is
// offline, and disconnects.
func (l *link) sayGoodbye() {
	deadline := time.Now().Add(farewell)
	l.stop()
	l.queue.close()
	l.untilIdle(deadline)
	reason := packet.Success
	if l.status != "" {
		l.queue.assert(l.word(l.identity.Offline))
		if !l.untilIdle(deadline.Add(farewell / 2)) {
			reason = packet.DisconnectWithWill
		}
	}
	// An error means that the link is gone, and the will says it.
	_ = l.client.Disconnect(&paho.Disconnect{ReasonCode: byte(reason)})
}

// untilIdle waits until all that is current has arrived.
func (l *link) untilIdle(deadline time.Time) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !l.queue.idle() {
		select {
		case <-l.client.Done():
			return false
		case now := <-tick.C:
			if now.After(deadline) {
				return false
			}
		}
	}
	return true
}
