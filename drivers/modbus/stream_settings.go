package modbus

import (
	"context"
	"errors"
	"log/slog"

	"fieldmq/drivers"
)

// RTUOverTCPSettings is the section of a bus of driver modbus-rtu-tcp or
// modbus-ascii-tcp.
type RTUOverTCPSettings struct {
	Peer       `yaml:",inline"`
	DialIn     `yaml:",inline"`
	Connecting `yaml:",inline"`
	Line       `yaml:",inline"`
	Defaults   `yaml:",inline"`

	framing framing
	known   known
}

// RTUOverUDPSettings is the section of a bus of driver modbus-rtu-udp.
type RTUOverUDPSettings struct {
	Peer     `yaml:",inline"`
	Line     `yaml:",inline"`
	Defaults `yaml:",inline"`

	known known
}

var (
	_ drivers.Settings = (*RTUOverTCPSettings)(nil)
	_ drivers.Checker  = (*RTUOverTCPSettings)(nil)
	_ drivers.Settings = (*RTUOverUDPSettings)(nil)
	_ drivers.Checker  = (*RTUOverUDPSettings)(nil)
)

func newStreamSettings(f framing) *RTUOverTCPSettings {
	return &RTUOverTCPSettings{Line: Line{Baud: 9600}, Defaults: newDefaults(tcpTimeout), framing: f}
}

func newRTUOverUDPSettings() *RTUOverUDPSettings {
	return &RTUOverUDPSettings{Line: Line{Baud: 9600}, Defaults: newDefaults(tcpTimeout)}
}

// Device is an empty device on the bus.
func (s *RTUOverTCPSettings) Device() drivers.Device { return serialDevice(s.Defaults) }

// Device is an empty device on the bus.
func (s *RTUOverUDPSettings) Device() drivers.Device { return serialDevice(s.Defaults) }

// Validate finds an address that is none.
func (s *RTUOverTCPSettings) Validate() error {
	return errors.Join(s.DialIn.fault(&s.Peer, plainPort), s.oneAtATime())
}

// Validate finds an address that is none.
func (s *RTUOverUDPSettings) Validate() error { return errors.Join(s.fault(plainPort), s.oneAtATime()) }

// Check finds the faults that show only when all points are seen.
func (s *RTUOverTCPSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Check finds the faults that show only when all points are seen.
func (s *RTUOverUDPSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Plan is how points of one device will be read, as far as that can be told
// before the device has answered.
func (s *RTUOverTCPSettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newStream(nil, s.framing, s.tempo()), points)
}

// Plan is as that of RTUOverTCPSettings.
func (s *RTUOverUDPSettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newStream(nil, rtuFraming{}, s.tempo()), points)
}

// Open connects to the box, or opens the door at which it is to dial in.
func (s *RTUOverTCPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	r := newStream(nil, s.framing, s.tempo()).recalls(&s.known)
	r.pause = s.ConnectPause.D()
	if s.Listen != "" {
		g, err := expect(ctx, s.Listen, s.Registration, nil)
		if err != nil {
			return nil, err
		}
		r.line = &netLine{peer: g, tap: s.tap}
		return newBus(r, log), nil
	}
	p := &caller{network: "tcp", address: s.hostPort(plainPort), timeout: s.Timeout.D()}
	return openNetLine(ctx, &netLine{peer: p, tap: s.tap}, r, log)
}

// Open makes the socket; whether someone is there shows only when asked.
func (s *RTUOverUDPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	p := &caller{network: "udp", address: s.hostPort(plainPort), timeout: s.Timeout.D()}
	return openNetLine(ctx, &netLine{peer: p, tap: s.tap}, newStream(nil, rtuFraming{}, s.tempo()).recalls(&s.known), log)
}

func openNetLine(ctx context.Context, l *netLine, r *stream, log *slog.Logger) (drivers.Bus, error) {
	r.line = l
	if err := r.revive(ctx); err != nil {
		return nil, err
	}
	return newBus(r, log), nil
}
