package modbus

import (
	"fieldmq/configs"
	"fieldmq/drivers"
)

// Limits of one request. (APS 6.1 to 6.12)
const (
	maxReadRegisters  = 125
	maxReadCoils      = 2000
	maxWriteRegisters = 123
	maxWriteCoils     = 1968
)

// Device is the driver's part of the section of a device.
type Device struct {
	// Unit is the unit id, the device's address on the bus: 1 to 247 on a
	// serial line, 0 to 255 on TCP. Required on a serial line; default 1 on
	// TCP.
	Unit     int `yaml:"unit" check:"min=0,max=255"`
	Defaults `yaml:",inline"`
	// Holes are registers or coils that the device must not be asked for,
	// such as 100-110 or 57: points on both sides are read apart. Default
	// none; holes that a device refuses are found by themselves.
	Holes []Range `yaml:"holes"`
	// WriteMultiple writes single values with function codes 15 and 16 too,
	// for devices that do not know 5 and 6. Default false.
	WriteMultiple bool `yaml:"write_multiple"`

	serial bool // behind a serial line
}

var _ drivers.Device = (*Device)(nil)

// Address is an empty point of the device.
func (d *Device) Address() drivers.Address {
	return &Address{Order: d.Order, device: d}
}

// Validate finds a unit id that no device on a serial line can have: MSL 2.2
// has 0 for broadcasts and reserves 248 to 255.
func (d *Device) Validate() error {
	switch {
	case d.serial && d.Unit == 0:
		return configs.Bad("unit", "is missing: give the unit id of the device, 1 to 247 (0 speaks to all at once, and none answers)")
	case d.serial && d.Unit > 247:
		return configs.Bad("unit", "%d is not from 1 to 247", d.Unit)
	}
	return nil
}

// most is how much of a table the device takes in one read.
func (d *Device) most(t Table) int {
	if t.Bits() {
		return d.MaxCoils
	}
	return d.MaxRegisters
}
