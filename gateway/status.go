package gateway

import (
	"context"

	"fieldmq/broker"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// status keeps device/<id>/status of the devices of one bus. An online device
// is a session of its own in the broker, with "offline" as its will: when the
// device falls silent its session ends without DISCONNECT and the broker
// publishes the will, as it would for any client that is gone.
type status struct {
	ctx      context.Context // of the broker
	server   *broker.Server
	sessions map[string]*broker.Client            // of devices that are online
	numbers  func(device string) map[string]int64 // of connections upstream, if it is the gateway
	complain func(error)                          // of what cannot be published

	told   map[string]poll.Health // by device, the last that was reported
	doubts map[string]string      // by device, why it may not be what its profile says
}

func newStatus(ctx context.Context, server *broker.Server, numbers func(string) map[string]int64, complain func(error)) *status {
	return &status{
		ctx: ctx, server: server, sessions: map[string]*broker.Client{}, numbers: numbers, complain: complain,
		told: map[string]poll.Health{}, doubts: map[string]string{},
	}
}

// inherit takes over the sessions of a bus that was stopped.
func (s *status) inherit(before *status) {
	if before != nil {
		s.sessions, before.sessions = before.sessions, nil
	}
}

// forget ends the session of a device that is there no more.
func (s *status) forget(device string) {
	delete(s.told, device)
	delete(s.doubts, device)
	if session := s.sessions[device]; session != nil {
		session.Disconnect()
		delete(s.sessions, device)
	}
}

// report follows the health of a device; only the bus's loop calls it.
func (s *status) report(h poll.Health) {
	s.told[h.Device] = h
	said := health(h)
	said.Sessions = s.numbers(h.Device)
	said.Doubt = s.doubts[h.Device]
	s.complain(s.server.Publish(s.ctx, mapping.HealthMessage(said))) // who is connected hears it even if it is not stored
	session := s.sessions[h.Device]
	switch {
	case h.Online && session == nil:
		s.complain(s.connect(h.Device))
	case !h.Online && session != nil:
		delete(s.sessions, h.Device)
		session.Drop()
	}
}

// doubt tells that a device may not be what its profile says, or, with an empty
// text, that it is.
func (s *status) doubt(device, text string) {
	s.doubts[device] = text
	if h, known := s.told[device]; known {
		s.report(h)
	}
}

func (s *status) connect(device string) error {
	will := mapping.Status(device, false)
	session, err := s.server.Connect(s.ctx, broker.ConnectOptions{ClientID: "fieldmq/" + device, Will: &will})
	if err != nil {
		return err
	}
	s.sessions[device] = session
	return session.Publish(s.ctx, mapping.Status(device, true))
}

// goodbye ends all sessions in an orderly way.
func (s *status) goodbye() {
	for device, session := range s.sessions {
		s.complain(session.Publish(s.ctx, mapping.Status(device, false)))
		session.Disconnect()
	}
}

// health is what a loop knows of a device, for its message.
func health(h poll.Health) mapping.Health {
	return mapping.Health{
		Device: h.Device, Online: h.Online, Since: h.Since, Reason: h.Reason,
		Answered: h.Answered, Failed: h.Failed, RoundTrip: h.RoundTrip, LastError: h.LastError,
		Heartbeat: poll.ReportEvery, Exchanges: h.Counts,
	}
}
