package modbus

import (
	"context"
	"log/slog"
	"net"
	"strings"

	"fieldmq/configs"
	"fieldmq/drivers"
)

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
	_ drivers.Settings = (*TCPSettings)(nil)
	_ drivers.Checker  = (*TCPSettings)(nil)
)

func newTCPSettings() *TCPSettings {
	return &TCPSettings{Defaults: newDefaults(tcpTimeout), InFlight: 1}
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

// Open connects to the device.
func (s *TCPSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	t := newTCP(s)
	if err := t.dial(ctx); err != nil {
		return nil, err
	}
	return newBus(t, log), nil
}
