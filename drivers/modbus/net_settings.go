package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"

	"fieldmq/drivers"
)

// TCPSettings is the section of a bus of driver modbus-tcp.
type TCPSettings struct {
	Peer       `yaml:",inline"`
	DialIn     `yaml:",inline"`
	Connecting `yaml:",inline"`
	Defaults   `yaml:",inline"`
}

// UDPSettings is the section of a bus of driver modbus-udp.
type UDPSettings struct {
	Peer     `yaml:",inline"`
	Defaults `yaml:",inline"`
}

// TLSSettings is the section of a bus of driver modbus-tls.
type TLSSettings struct {
	Peer       `yaml:",inline"`
	DialIn     `yaml:",inline"`
	Connecting `yaml:",inline"`
	Security   `yaml:",inline"`
	Defaults   `yaml:",inline"`
}

var (
	_ drivers.Settings = (*TCPSettings)(nil)
	_ drivers.Checker  = (*TCPSettings)(nil)
	_ drivers.Settings = (*UDPSettings)(nil)
	_ drivers.Checker  = (*UDPSettings)(nil)
	_ drivers.Settings = (*TLSSettings)(nil)
	_ drivers.Checker  = (*TLSSettings)(nil)
	_ drivers.Files    = (*TLSSettings)(nil)
	_ drivers.Secured  = (*TLSSettings)(nil)
)

func newTCPSettings() *TCPSettings { return &TCPSettings{Defaults: newDefaults(tcpTimeout)} }
func newUDPSettings() *UDPSettings { return &UDPSettings{Defaults: newDefaults(tcpTimeout)} }
func newTLSSettings() *TLSSettings {
	return &TLSSettings{Defaults: newDefaults(tcpTimeout), Security: Security{Verify: verifyFull}}
}

// netDevice is an empty device behind a network.
func netDevice(d Defaults) drivers.Device {
	return &Device{Unit: 1, Defaults: d, SunspecBase: sunspecBases()}
}

// Device is an empty device on the bus.
func (s *TCPSettings) Device() drivers.Device { return netDevice(s.Defaults) }

// Device is an empty device on the bus.
func (s *UDPSettings) Device() drivers.Device { return netDevice(s.Defaults) }

// Device is an empty device on the bus.
func (s *TLSSettings) Device() drivers.Device { return netDevice(s.Defaults) }

// Validate finds an address that is none.
func (s *TCPSettings) Validate() error { return s.DialIn.fault(&s.Peer, plainPort) }

// Validate finds an address that is none.
func (s *UDPSettings) Validate() error { return s.fault(plainPort) }

// Validate finds an address that is none, and files that do not go together.
func (s *TLSSettings) Validate() error {
	faults := []error{s.DialIn.fault(&s.Peer, securePort), s.incomplete()}
	if s.Listen != "" {
		faults = append(faults, s.closed())
	}
	return errors.Join(faults...)
}

// Check finds the faults that show only when all points are seen.
func (s *TCPSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Check finds the faults that show only when all points are seen.
func (s *UDPSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Check finds the faults that show only when all points are seen.
func (s *TLSSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Plan is how points of one device will be read, as far as that can be told
// before the device has answered.
func (s *TCPSettings) Plan(points []*drivers.Point) []Request { return netPlan(&s.Defaults, points) }

// Plan is as that of TCPSettings.
func (s *UDPSettings) Plan(points []*drivers.Point) []Request { return netPlan(&s.Defaults, points) }

// Plan is as that of TCPSettings.
func (s *TLSSettings) Plan(points []*drivers.Point) []Request { return netPlan(&s.Defaults, points) }

func netPlan(d *Defaults, points []*drivers.Point) []Request {
	return firstPlan(newTCP(nil, d.InFlight), points)
}

// Open connects to the device, or opens the door at which it is to dial in.
func (s *TCPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	t := newTCP(nil, s.InFlight)
	t.tap, t.pause = s.tap, s.ConnectPause.D()
	if s.Listen != "" {
		return t.await(ctx, &s.DialIn, nil, log)
	}
	return t.open(ctx, &caller{network: "tcp", address: s.hostPort(plainPort), timeout: s.Timeout.D()}, log)
}

// await opens the door at which a device is to dial in.
func (t *tcp) await(ctx context.Context, in *DialIn, secure *Security, log *slog.Logger) (drivers.Bus, error) {
	g, err := expect(ctx, in.Listen, in.Registration, secure)
	if err != nil {
		return nil, err
	}
	t.peer, t.heartbeat = g, in.Heartbeat
	return newBus(t, log), nil
}

// Open makes the socket; whether someone is there shows only when asked.
func (s *UDPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	t := newTCP(nil, s.InFlight)
	t.tap = s.tap
	return t.open(ctx, &caller{network: "udp", address: s.hostPort(plainPort), timeout: s.Timeout.D()}, log)
}

// Open connects to the device and finds out that it is the one meant, or opens
// the door at which it is to dial in.
func (s *TLSSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	if s.Verify == verifyNone {
		log.Warn("anyone may pretend to be the device: verify is none", "address", s.Place())
	}
	t := newTCP(nil, s.InFlight)
	t.tap, t.pause = s.tap, s.ConnectPause.D()
	if s.Listen != "" {
		return t.await(ctx, &s.DialIn, &s.Security, log)
	}
	address := s.hostPort(securePort)
	return t.open(ctx, &caller{
		network: "tcp", address: address, timeout: s.Timeout.D(),
		secure: func() (*tls.Config, error) { return s.config(address) },
	}, log)
}

// open connects to the peer.
func (t *tcp) open(ctx context.Context, p endpoint, log *slog.Logger) (drivers.Bus, error) {
	t.peer = p
	if err := t.connect(ctx); err != nil {
		return nil, err
	}
	return newBus(t, log), nil
}
