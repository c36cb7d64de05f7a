package modbus

import (
	"context"
	"errors"
	"log/slog"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/line"
)

// RTUSettings is the section of a bus of driver modbus-rtu.
type RTUSettings struct {
	line.Settings `yaml:",inline"`
	Connecting    `yaml:",inline"`
	Defaults      `yaml:",inline"`

	known known
}

// ASCIISettings is the section of a bus of driver modbus-ascii.
type ASCIISettings struct {
	line.Settings `yaml:",inline"`
	Connecting    `yaml:",inline"`
	Defaults      `yaml:",inline"`

	known known
}

var (
	_ drivers.Settings = (*RTUSettings)(nil)
	_ drivers.Checker  = (*RTUSettings)(nil)
	_ drivers.Settings = (*ASCIISettings)(nil)
	_ drivers.Checker  = (*ASCIISettings)(nil)
)

func newRTUSettings() *RTUSettings {
	return &RTUSettings{Settings: line.Defaults(), Defaults: newDefaults(rtuTimeout)}
}

// newASCIISettings has the characters that the standard wants. (MSL 2.5.2)
func newASCIISettings() *ASCIISettings {
	s := &ASCIISettings{Settings: line.Defaults(), Defaults: newDefaults(rtuTimeout)}
	s.DataBits, s.Parity = 7, line.Even
	return s
}

// serialDevice is an empty device on a serial line.
func serialDevice(d Defaults) drivers.Device {
	return &Device{Unit: noUnit, Defaults: d, SunspecBase: sunspecBases(), serial: true}
}

// Device is an empty device on the bus.
func (s *RTUSettings) Device() drivers.Device { return serialDevice(s.Defaults) }

// Device is an empty device on the bus.
func (s *ASCIISettings) Device() drivers.Device { return serialDevice(s.Defaults) }

// Validate finds what Modbus does not allow of a line. (MSL 2.5.1)
func (s *RTUSettings) Validate() error {
	if s.DataBits != 8 {
		return configs.Bad("data_bits", "Modbus RTU needs 8 data bits, not %d", s.DataBits)
	}
	return errors.Join(s.Settings.Validate(), s.oneAtATime())
}

// Validate finds what Modbus does not allow of a line. (MSL 2.5.2)
func (s *ASCIISettings) Validate() error {
	if s.DataBits < 7 {
		return configs.Bad("data_bits", "Modbus ASCII needs 7 or 8 data bits, not %d", s.DataBits)
	}
	return errors.Join(s.Settings.Validate(), s.oneAtATime())
}

// Check finds the faults that show only when all points are seen.
func (s *RTUSettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Check finds the faults that show only when all points are seen.
func (s *ASCIISettings) Check(points []*drivers.Point) []drivers.Conflict { return check(points) }

// Plan is how points of one device will be read, as far as that can be told
// before the device has answered.
func (s *RTUSettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newRTU(nil, s), points)
}

// Plan is as that of RTUSettings.
func (s *ASCIISettings) Plan(points []*drivers.Point) []Request {
	return firstPlan(newASCII(nil, s), points)
}

// Open opens the serial line for this process alone.
func (s *RTUSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	l, err := line.Open(ctx, s.Settings, log)
	if err != nil {
		return nil, err
	}
	return newBus(newRTU(l, s).recalls(&s.known), log), nil
}

// Open opens the serial line for this process alone.
func (s *ASCIISettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	l, err := line.Open(ctx, s.Settings, log)
	if err != nil {
		return nil, err
	}
	return newBus(newASCII(l, s).recalls(&s.known), log), nil
}

// Where is the device file of the line.
func (s *RTUSettings) Where() string { return s.Port }

// Where is the device file of the line.
func (s *ASCIISettings) Where() string { return s.Port }
