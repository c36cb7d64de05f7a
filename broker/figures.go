package broker

import "sync/atomic"

// Figures count what happens in a server since it began.
type Figures struct {
	Received Traffic      // from clients outside
	Sent     Traffic      // to clients outside
	Dropped  atomic.Int64 // messages that a full queue or a packet limit lost
	Expired  atomic.Int64 // messages that waited too long

	Connections     atomic.Int64 // CONNECT packets that succeeded
	Sockets         atomic.Int64 // network connections
	ExpiredSessions atomic.Int64
}

// Census is who and what is there now.
type Census struct {
	Clients, Connected          int // of other processes; with those that are away
	Queued, QueuedBytes, Flying int // messages that wait for them, and that are under way
	Subscriptions, Retained     int
}

// Census counts. It asks every session, so it is for now and then.
func (s *Server) Census() Census {
	c := s.count()
	return Census{
		Clients: c.total, Connected: c.connected, Queued: c.queued, QueuedBytes: c.bytes, Flying: c.inflight,
		Subscriptions: s.tree.Len(), Retained: s.retained.Len(),
	}
}

// Traffic is what went one way.
type Traffic struct {
	Packets   atomic.Int64 // control packets
	Bytes     atomic.Int64 // of them
	Publishes atomic.Int64 // PUBLISH packets among them
	Payload   atomic.Int64 // bytes of their payloads
}

// tally counts traffic where nobody else does, to be added up once in a while.
type tally struct{ packets, bytes, publishes, payload int64 }

// addTo empties the tally into the sum.
func (t *tally) addTo(sum *Traffic) {
	if *t == (tally{}) {
		return
	}
	sum.Packets.Add(t.packets)
	sum.Bytes.Add(t.bytes)
	if t.publishes > 0 {
		sum.Publishes.Add(t.publishes)
		sum.Payload.Add(t.payload)
	}
	*t = tally{}
}

func (t *tally) publish(payload int) {
	t.packets++
	t.publishes++
	t.payload += int64(payload)
}
