package modbus

import (
	"context"
	"log/slog"

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

var (
	_ drivers.Settings = (*RTUSettings)(nil)
	_ drivers.Checker  = (*RTUSettings)(nil)
)

func newRTUSettings() *RTUSettings {
	return &RTUSettings{Settings: line.Defaults(), Defaults: newDefaults(rtuTimeout)}
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
