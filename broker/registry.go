package broker

import (
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// entry is a client at the door.
type entry struct {
	id     string
	user   string
	source *Peer // of what the client publishes; nil: it is of this process
	inner  bool  // from this process
	clean  bool
	expiry time.Duration
	will   *packet.Will
	holder holder
	// greet is called with the locks of server and session held, before any
	// message can reach the client.
	greet func(s *session, present bool)
	// thrownOut is who held the session before, set by enter; nil for nobody.
	thrownOut holder
}

// enter gives a client its session: the one it had, or a new one. Who holds
// the session is told to leave. [MQTT-3.1.4-3]
func (s *Server) enter(e *entry) (entered *session, err error) {
	s.withCourier(func(k *courier) { entered, err = s.enterWith(k, e) })
	return entered, err
}

func (s *Server) enterWith(k *courier, e *entry) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.sessions[e.id]
	if err := s.admit(old, e); err != nil {
		return nil, err
	}
	present := old != nil && s.reuse(k, old, e)
	if !present {
		old = s.create(e.id, e.inner, e.expiry > 0)
	}
	old.holder, old.user, old.source, old.expiry, old.will = e.holder, e.user, e.source, e.expiry, e.will
	s.note(e.record(!present))
	if !e.inner {
		s.connected++
		s.mostConnected = max(s.mostConnected, s.connected)
		s.figures.Connections.Add(1)
	}
	if e.greet != nil {
		old.mu.Lock()
		e.greet(old, present)
		old.mu.Unlock()
	}
	s.announce(k, old, "connected", time.Now())
	return old, nil
}

func (e *entry) record(isNew bool) Entered {
	r := Entered{ClientID: e.id, User: e.user, New: isNew, Inner: e.inner, Expiry: e.expiry, Will: e.will}
	if e.source != nil {
		r.Cert, r.Local = e.source.Cert, e.source.Local
	}
	return r
}

// admit refuses clients that are too many, and those that would take the name
// of one in this process.
func (s *Server) admit(old *session, e *entry) error {
	switch {
	case e.id == "":
		return packet.Errorf(packet.ClientIDInvalid, "no client identifier")
	case e.inner:
		return nil
	case old != nil && old.inner && old.holder != nil:
		return packet.Errorf(packet.ClientIDInvalid, "client identifier of the gateway itself")
	case old != nil && old.holder != nil && old.foreign(e.user):
		return packet.Errorf(packet.NotAuthorized, "client identifier of another user")
	case s.connected >= s.cfg().MaxConnections:
		return packet.Errorf(packet.QuotaExceeded, "%d clients are connected", s.connected)
	case old == nil && e.expiry > 0 && len(s.sessions) >= s.cfg().MaxSessions: // others have the limit of connections
		return packet.Errorf(packet.QuotaExceeded, "%d sessions", len(s.sessions))
	}
	return nil
}

// reuse clears a session for its next connection and says whether it goes on.
func (s *Server) reuse(k *courier, old *session, e *entry) bool {
	ends := e.clean || e.inner != old.inner || old.foreign(e.user) || old.holder != nil && old.expiry == 0
	if old.holder != nil {
		e.thrownOut = old.holder
		s.part(old)
		if old.will != nil && old.will.Delay == 0 { // a delay has the new connection in time [MQTT-3.1.3-9]
			s.speakWill(k, old, time.Now())
		}
	}
	if ends {
		s.discard(k, old)
		return false
	}
	s.timers.stop(&old.expire)
	s.timers.stop(&old.speak)
	return true
}

// part takes the holder off its session and tells it to leave.
func (s *Server) part(old *session) {
	h := old.holder
	s.release(old)
	h.leave(packet.TakenOver)
}

// release notes that nobody is connected any more.
func (s *Server) release(old *session) {
	old.holder = nil
	if !old.inner {
		s.connected--
	}
	old.mu.Lock()
	old.conn = nil
	old.crowd.disperse()
	old.mu.Unlock()
}

func (s *Server) newSession(id string, inner bool) *session {
	return &session{server: s, id: id, inner: inner, queue: queue{hoard: &s.hoard}, crowd: crowd{server: s}}
}

func (s *Server) create(id string, inner, durable bool) *session {
	n := s.newSession(id, inner)
	n.durable, n.stored = durable, inner && durable
	n.expire.fire = func(time.Time) time.Time { s.expired(n); return time.Time{} }
	n.speak.fire = func(time.Time) time.Time { s.willDue(n); return time.Time{} }
	s.sessions[id] = n
	return n
}

// exit ends a connection: what is to happen to the will and, if expiry is not
// nil, for how long the session outlives it. Nothing happens if another client
// has taken the session over.
func (s *Server) exit(old *session, by holder, withWill bool, expiry *time.Duration) {
	s.withCourier(func(k *courier) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if old.holder == by {
			s.exitWith(k, old, withWill, expiry)
		}
	})
}

func (s *Server) exitWith(k *courier, old *session, withWill bool, expiry *time.Duration) {
	s.release(old)
	if expiry != nil {
		old.expiry = *expiry
	}
	if !withWill { // [MQTT-3.1.2-10]
		old.will = nil
	}
	now := time.Now()
	s.afterExit(k, old, now)
	s.announce(k, old, "disconnected", now)
}

// afterExit is what becomes of a session whose client has left.
func (s *Server) afterExit(k *courier, old *session, now time.Time) {
	if old.will != nil && old.will.Delay == 0 {
		s.speakWill(k, old, now)
	}
	if old.expiry == 0 {
		s.discard(k, old)
		return
	}
	s.await(old, now)
	s.note(Left{ClientID: old.id, At: now, Expiry: old.expiry, Will: old.will})
}

// await sets the timers of a session whose client left at a time.
func (s *Server) await(old *session, at time.Time) {
	s.timers.set(&old.expire, at.Add(old.expiry))
	if old.will != nil && old.will.Delay < old.expiry {
		s.timers.set(&old.speak, at.Add(old.will.Delay))
	}
}

// discard ends a session. A will that still waits is published. [MQTT-3.1.2-8]
func (s *Server) discard(k *courier, old *session) {
	s.timers.stop(&old.expire)
	s.timers.stop(&old.speak)
	now := time.Now()
	s.speakWill(k, old, now)
	delete(s.sessions, old.id)
	s.note(Ended{ClientID: old.id})
	for _, d := range old.finish() {
		k.passOn(&d, now)
	}
}

// speakWill publishes the will, if there is one.
func (s *Server) speakWill(k *courier, old *session, now time.Time) {
	if old.will == nil {
		return
	}
	m := old.will.Message
	old.will = nil
	k.carry(m, nil, old.source, now)
}

// willDue is when a will delay has passed. [MQTT-3.1.3-9]
func (s *Server) willDue(old *session) {
	s.later(old, func(k *courier) {
		s.speakWill(k, old, time.Now())
		s.note(Left{ClientID: old.id, At: old.expire.at.Add(-old.expiry), Expiry: old.expiry})
	})
}

// expired is when a session has outlived its connection long enough.
// [MQTT-3.1.2-23]
func (s *Server) expired(old *session) {
	s.later(old, func(k *courier) {
		s.figures.ExpiredSessions.Add(1)
		s.discard(k, old)
	})
}

// later does something to a session whose client is still away.
func (s *Server) later(old *session, do func(*courier)) {
	s.withCourier(func(k *courier) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if old.holder == nil && s.sessions[old.id] == old {
			do(k)
		}
	})
}

// finish takes a session out of the tree and empties it. It returns what had
// not reached the client; of QoS 2 only what was not yet sent. [MQTT-4.8.2-5]
func (s *session) finish() (left []delivery) {
	s.mu.Lock()
	s.gone = true
	subs := s.subs
	s.subs = nil
	for _, f := range s.inflight.take() {
		if f.qos == mqtt.AtLeastOnce {
			left = append(left, f.delivery)
		}
	}
	left = append(left, s.queue.take()...)
	s.received = nil
	s.mu.Unlock()
	for f := range subs {
		s.server.tree.Unsubscribe(s, f)
	}
	return left
}
