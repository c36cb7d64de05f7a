package broker

import (
	"cmp"
	"slices"
	"time"

	"fieldmq/broker/mqtt"
)

// ClientInfo is what the server knows of a client outside, connected or away.
type ClientInfo struct {
	ID            string
	User          string // empty: it named none
	Connected     bool
	Address       string // empty while it is away
	Listener      string
	Version       string        // of MQTT: "3.1.1", "5.0"
	Silence       time.Duration // after which it is taken for gone; zero: never
	Heard         time.Time     // when it last said something
	Subscriptions []mqtt.Filter // in order
	Queued        int           // messages that wait for it
	InFlight      int           // messages that it has not acknowledged
}

// Clients are the clients outside, by their ids.
func (s *Server) Clients() []ClientInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []ClientInfo
	for _, each := range s.sessions {
		if !each.inner {
			all = append(all, each.info())
		}
	}
	slices.SortFunc(all, func(a, b ClientInfo) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// info asks one session. The server's lock is held.
func (s *session) info() ClientInfo {
	i := ClientInfo{ID: s.id, User: s.user}
	if c, outside := s.holder.(*conn); outside && c.greeted.Load() {
		i.Connected = true
		i.User, i.Listener = c.peer.User, c.peer.Listener
		if c.peer.Addr != nil {
			i.Address = c.peer.Addr.String()
		}
		i.Version, i.Silence = versions[c.version], c.keepAlive
		i.Heard = time.Unix(0, c.heard.Load())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.subs {
		i.Subscriptions = append(i.Subscriptions, f)
	}
	slices.Sort(i.Subscriptions)
	i.Queued, i.InFlight = s.queue.len(), s.inflight.len()
	return i
}
