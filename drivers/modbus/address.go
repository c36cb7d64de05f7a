package modbus

import (
	"errors"
	"fmt"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Address is the driver's part of the section of a point: where it stands in
// its device, and how its words are to be understood.
type Address struct {
	// Coil is the number of a coil, from 0: a bit that can be read and
	// written.
	Coil *uint16 `yaml:"coil"`
	// Discrete is the number of a discrete input, from 0: a bit that can
	// only be read.
	Discrete *uint16 `yaml:"discrete"`
	// Input is the first input register, from 0: 16 bits that can only be
	// read. Manuals write register 0 as 30001.
	Input *uint16 `yaml:"input"`
	// Holding is the first holding register, from 0: 16 bits that can be
	// read and written. Manuals write register 0 as 40001.
	Holding *uint16 `yaml:"holding"`

	// Type is int16, uint16, int32, uint32, int64, uint64, float32, float64,
	// bool, bcd or string. Default bool for coils and discrete inputs, uint16
	// for registers.
	Type Type `yaml:"type"`
	// Length is the number of registers of a string, or of a bcd (1 to 4,
	// default 1).
	Length int `yaml:"length"`
	// Order is the order of the bytes: ABCD, CDAB, BADC or DCBA. Default that
	// of the device. In strings only the order within a register counts.
	Order Order `yaml:"order"`
	// Chars says where a string has its characters: both bytes of a register,
	// or one a register, in the high or the low byte. Default both.
	Chars Chars `yaml:"chars"`
	// Bit makes one bit of the register a bool: 0 (the lowest) to 15. It is
	// written by reading the register, changing the bit and writing it back;
	// what the device itself changes between the two is lost.
	Bit *int `yaml:"bit"`
	// Bits makes a field of bits of the register an unsigned integer, such as
	// 4-7. It is written as Bit is.
	Bits *Range `yaml:"bits"`
	// Invalid are the patterns by which the device says that it has no value:
	// 0x8000 for the bits of the whole value, -32768 or -999.9 for a number.
	// NaN and infinity never are values.
	Invalid []Sentinel `yaml:"invalid"`

	device *Device
}

var _ drivers.Address = (*Address)(nil)

// Unit is the unit id of the point's device.
func (a *Address) Unit() byte { return byte(a.device.Unit) }

// Table is where the point stands.
func (a *Address) Table() Table {
	switch {
	case a.Coil != nil:
		return Coil
	case a.Discrete != nil:
		return Discrete
	case a.Input != nil:
		return Input
	}
	return Holding
}

// First is the number of the point's first register or bit.
func (a *Address) First() int {
	for _, r := range a.places() {
		if r != nil {
			return int(*r)
		}
	}
	return 0
}

func (a *Address) places() [4]*uint16 {
	return [4]*uint16{a.Coil, a.Discrete, a.Input, a.Holding}
}

// Count is the number of registers of the point, or 1 for a coil or a
// discrete input.
func (a *Address) Count() int {
	if n := types[a.ValueType()].words; n > 0 {
		return n
	}
	return max(a.Length, 1)
}

// end is the number behind the point's last register or bit.
func (a *Address) end() int { return a.First() + a.Count() }

// ValueType is Type, or what it is where none was given.
func (a *Address) ValueType() Type {
	switch {
	case a.Bit != nil:
		return Bool
	case a.Type != Unset:
		return a.Type
	case a.Table().Bits():
		return Bool
	}
	return Uint16
}

// field is the part of the register that the point is, if it is a part.
func (a *Address) field() (r Range, ok bool) {
	switch {
	case a.Bit != nil:
		return Range{*a.Bit, *a.Bit}, true
	case a.Bits != nil:
		return *a.Bits, true
	}
	return Range{}, false
}

// Kind is the kind of the point's values.
func (a *Address) Kind() drivers.Kind { return types[a.ValueType()].kind }

// Writable says whether the point is a coil or a holding register.
func (a *Address) Writable() bool { return a.Table().Writable() }

// String is "unit 2 holding 101", with the bits of a part of a register.
func (a *Address) String() string {
	s := fmt.Sprintf("unit %d %s %d", a.device.Unit, a.Table(), a.First())
	if r, ok := a.field(); ok {
		s += " bit " + r.String()
	}
	return s
}

// Validate finds the faults of the point's own keys.
func (a *Address) Validate() error {
	if err := a.validatePlace(); err != nil {
		return err // without a place the rest makes no sense
	}
	return errors.Join(a.validateType(), a.validateField(), a.validateEnd(), a.validateInvalid())
}

func (a *Address) validatePlace() error {
	n := 0
	for _, r := range a.places() {
		if r != nil {
			n++
		}
	}
	switch n {
	case 0:
		return configs.Bad("", "has no place: give one of coil, discrete, input or holding")
	case 1:
		return nil
	}
	return configs.Bad(a.Table().String(), "only one of coil, discrete, input and holding may be given")
}

func (a *Address) validateType() error {
	var faults []error
	t := a.ValueType()
	if a.Table().Bits() && t != Bool {
		faults = append(faults, configs.Bad("type", "a %s is one bit, and cannot be %s", a.Table(), t))
	}
	switch {
	case t == String && a.Length < 1:
		faults = append(faults, configs.Bad("length", "is missing: give the number of registers of the string"))
	case t == BCD && (a.Length < 0 || a.Length > 4):
		faults = append(faults, configs.Bad("length", "%d is not from 1 to 4, which is what a bcd may have", a.Length))
	case t != String && t != BCD && a.Length != 0:
		faults = append(faults, configs.Bad("length", "only strings and bcd have a length; %s has %d", t, a.Count()))
	}
	if t != String && a.Chars != Both {
		faults = append(faults, configs.Bad("chars", "only strings have characters, not %s", t))
	}
	return errors.Join(faults...)
}

func (a *Address) validateField() error {
	r, ok := a.field()
	if !ok {
		return nil
	}
	key := "bit"
	if a.Bits != nil {
		key = "bits"
	}
	switch {
	case a.Bit != nil && a.Bits != nil:
		return configs.Bad("bits", "only one of bit and bits may be given")
	case a.Table().Bits():
		return configs.Bad(key, "a %s is one bit already", a.Table())
	case r.First < 0 || r.Last > 15:
		return configs.Bad(key, "%v is not from 0 (the lowest bit) to 15", r)
	case a.Type != Unset && a.Type != Uint16 && !(a.Bit != nil && a.Type == Bool):
		return configs.Bad(key, "is a part of one register, and cannot be taken from %s", a.Type)
	}
	return nil
}

func (a *Address) validateEnd() error {
	if a.end() <= registers {
		return nil
	}
	return configs.Bad(a.Table().String(), "%d registers from %d on run past the last one, 65535", a.Count(), a.First())
}

func (a *Address) validateInvalid() error {
	t := a.ValueType()
	if len(a.Invalid) > 0 && (a.Table().Bits() || t == String) {
		return configs.Bad("invalid", "a %s has no invalid patterns", t)
	}
	var faults []error
	for _, s := range a.Invalid {
		if width := 16 * a.Count(); !s.fits(t, width) {
			faults = append(faults, configs.Bad("invalid", "%v does not fit the %d bits of %s", s, width, t))
		}
	}
	return errors.Join(faults...)
}
