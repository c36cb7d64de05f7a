package gateway

import (
	"context"
	"log/slog"

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
	sessions map[string]*broker.Client // of devices that are online
	log      *slog.Logger
}

func newStatus(ctx context.Context, server *broker.Server, log *slog.Logger) *status {
	return &status{ctx: ctx, server: server, sessions: map[string]*broker.Client{}, log: log}
}

// report follows the health of a device; only the bus's loop calls it.
func (s *status) report(h poll.Health) {
	err := s.server.Publish(s.ctx, mapping.HealthMessage(health(h)))
	session := s.sessions[h.Device]
	switch {
	case err != nil:
	case h.Online && session == nil:
		err = s.connect(h.Device)
	case !h.Online && session != nil:
		delete(s.sessions, h.Device)
		session.Drop()
	}
	if err != nil {
		s.log.Error("publish the status", "device", h.Device, "error", err)
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
		if err := session.Publish(s.ctx, mapping.Status(device, false)); err != nil {
			s.log.Error("publish the status", "device", device, "error", err)
		}
		session.Disconnect()
	}
}

// health is what a loop knows of a device, for its message.
func health(h poll.Health) mapping.Health {
	return mapping.Health{
		Device: h.Device, Online: h.Online, Since: h.Since, Reason: h.Reason,
		Answered: h.Answered, Failed: h.Failed, RoundTrip: h.RoundTrip, LastError: h.LastError,
		Heartbeat: poll.ReportEvery,
	}
}
