package modbus

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/line"
)

// RTUSettings is the section of a bus of driver modbus-rtu.
type RTUSettings struct {
	line.Settings `yaml:",inline"`
	Defaults      `yaml:",inline"`
	// Pause is the silence on the line before each request, for devices that
	// need a rest. The 3.5 characters of the standard are always kept.
	// Default 0s.
	Pause configs.Duration `yaml:"pause"`
}

// TCPSettings is the section of a bus of driver modbus-tcp.
type TCPSettings struct {
	// Host is the device's host name or IP address, with a port behind a
	// colon where it is not 502. Required.
	Host     string `yaml:"address" check:"required"`
	Defaults `yaml:",inline"`
	// InFlight is how many requests may wait for their answers at the same
	// time, 1 to 64. Many devices know only one. Default 1.
	InFlight int `yaml:"in_flight" check:"min=1,max=64"`
}

var (
	_ drivers.Settings = (*RTUSettings)(nil)
	_ drivers.Settings = (*TCPSettings)(nil)
	_ drivers.Checker  = (*RTUSettings)(nil)
	_ drivers.Checker  = (*TCPSettings)(nil)
)

// The time-outs are long against what devices need, some 5 to 200 ms: to take
// a slow device for a dead one is worse than to wait for a dead one, which is
// asked seldom. Boxes between TCP and a serial line answer for a dead device
// after a second of their own.
const (
	rtuTimeout = 500 * time.Millisecond
	tcpTimeout = 2 * time.Second
)

func newRTUSettings() *RTUSettings {
	return &RTUSettings{Settings: line.Defaults(), Defaults: newDefaults(rtuTimeout)}
}

func newTCPSettings() *TCPSettings {
	return &TCPSettings{Defaults: newDefaults(tcpTimeout), InFlight: 1}
}

func newDefaults(timeout time.Duration) Defaults {
	return Defaults{
		Timeout:      configs.Duration(timeout),
		MaxRegisters: maxReadRegisters,
		MaxCoils:     maxReadCoils,
	}
}

// Device is an empty device on the bus.
func (s *RTUSettings) Device() drivers.Device {
	return &Device{Defaults: s.Defaults, serial: true}
}

// Validate finds what Modbus does not allow of a line. (MSL 2.5.1)
func (s *RTUSettings) Validate() error {
	if s.DataBits != 8 {
		return configs.Bad("data_bits", "Modbus RTU needs 8 data bits, not %d", s.DataBits)
	}
	return nil
}

// Check finds the faults that show only when all points are seen.
func (s *RTUSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Plan is how points of one device will be read, as far as that can be told
// before the device has answered.
func (s *RTUSettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newRTU(nil, s), points)
}

// Open opens the serial line for this process alone.
func (s *RTUSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	l, err := line.Open(ctx, s.Settings, log)
	if err != nil {
		return nil, err
	}
	return newBus(newRTU(l, s), log), nil
}

// Device is an empty device on the bus.
func (s *TCPSettings) Device() drivers.Device {
	return &Device{Unit: 1, Defaults: s.Defaults}
}

// Validate finds an address that is none.
func (s *TCPSettings) Validate() error {
	host, port, err := net.SplitHostPort(s.hostPort())
	if err != nil || host == "" {
		return configs.Bad("address", "%q is not a host, or a host and a port such as 192.168.1.20:502", s.Host)
	}
	if n, err := number(port); err != nil || n < 1 || n > 65535 {
		return configs.Bad("address", "%q is not a port from 1 to 65535", port)
	}
	return nil
}

// hostPort is the address with the port that MTCP 4.3.1 gives to Modbus.
func (s *TCPSettings) hostPort() string {
	switch {
	case strings.HasSuffix(s.Host, "]") && strings.HasPrefix(s.Host, "["):
		return s.Host + ":502"
	case strings.Count(s.Host, ":") == 1 || strings.HasPrefix(s.Host, "["):
		return s.Host
	}
	return net.JoinHostPort(s.Host, "502")
}

// Check finds the faults that show only when all points are seen.
func (s *TCPSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Plan is how points of one device will be read, as far as that can be told
// before the device has answered.
func (s *TCPSettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newTCP(s), points)
}

func firstPlan(l link, points []*drivers.Point) []Request {
	if len(points) == 0 {
		return nil
	}
	d := at(points[0]).device
	return planner{d, l.cost(byte(d.Unit)), newLessons()}.plan(points)
}

// Open connects to the device.
func (s *TCPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	t := newTCP(s)
	if err := t.dial(ctx); err != nil {
		return nil, err
	}
	return newBus(t, log), nil
}
