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
	// Unit is the unit id, the device's address on the bus, 0 to 255. On a serial
	// line 0 speaks to all units at once: none answers, and its points can only be
	// written; 248 to 255 are reserved there, and yet some devices answer to one of
	// them, such as a PZEM that is alone on its line to 248. Default 1 on TCP, none
	// on a serial line, where it must be given.
	Unit     int `yaml:"unit" check:"min=0,max=255" aka:"slave slave_id device_address unit_id unitId"`
	Defaults `yaml:",inline"`
	// Holes are registers or coils that the device must not be asked for,
	// such as 100-110 or 57: points on both sides are read apart. Default
	// none; holes that a device refuses are found by themselves.
	Holes []Range `yaml:"holes"`
	// WriteMultiple writes single values with function codes 15 and 16 too,
	// for devices that do not know 5 and 6. Default false.
	WriteMultiple bool `yaml:"write_multiple"`
	// MaskWrite writes parts of a register with function code 22, which changes
	// nothing beside them. A device that declines gets the whole register, read
	// and written back. Default false.
	MaskWrite bool `yaml:"mask_write"`
	// ReadWrite writes and reads back what is to be verified with function code
	// 23, in one exchange. A device that declines gets two. Default false.
	ReadWrite bool `yaml:"read_write"`
	// SunspecBase are the registers at which the chain of SunSpec blocks may
	// begin, in the order in which they are tried. Default [40000, 50000, 0].
	SunspecBase []uint16 `yaml:"sunspec_base"`

	serial bool // behind a serial line
}

var _ drivers.Device = (*Device)(nil)

// Address is an empty point of the device.
func (d *Device) Address() drivers.Address {
	return &Address{Order: d.Order, device: d}
}

// noUnit is the unit of a section that does not say it.
const noUnit = -1

// broadcast says whether the device is all units of a serial line at once.
// (MSL 2.2)
func (d *Device) broadcast() bool { return d.serial && d.Unit == 0 }

// Validate finds a device on a serial line without its unit id. Ids that MSL 2.2
// reserves are met.
func (d *Device) Validate() error {
	if d.serial && d.Unit == noUnit {
		return configs.Bad("unit", "is missing: give the unit id of the device, 1 to 247 (0 speaks to all at once, and none answers)")
	}
	return nil
}

// most is how much of a table the device takes in one read.
func (d *Device) most(t Table) int {
	switch {
	case t.Bits():
		return d.MaxCoils
	case t == Called:
		return maxReadRegisters
	}
	return d.MaxRegisters
}
