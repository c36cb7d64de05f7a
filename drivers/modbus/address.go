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
	Coil *uint16 `yaml:"coil" aka:"address register register_type reg_type input_type functionCode"`
	// Discrete is the number of a discrete input, from 0: a bit that can
	// only be read.
	Discrete *uint16 `yaml:"discrete" aka:"address register register_type reg_type input_type functionCode" note:"it counts from 0: what manuals call 100001 or 10001 is 0"`
	// Input is the first input register, from 0: 16 bits that can only be
	// read. Manuals write register 0 as 30001.
	Input *uint16 `yaml:"input" aka:"address register register_type reg_type input_type functionCode" note:"it counts from 0: what manuals call 300001 or 30001 is 0"`
	// Holding is the first holding register, from 0: 16 bits that can be
	// read and written. Manuals write register 0 as 40001.
	Holding *uint16 `yaml:"holding" aka:"address register register_type reg_type input_type functionCode" note:"it counts from 0: what manuals call 400001 or 40001 is 0"`
	// Sunspec is a place in a block of a device that follows SunSpec; where the
	// block stands is asked of the device.
	Sunspec *Sunspec `yaml:"sunspec"`
	// Call is a request that no table has, for devices with function codes of
	// their own: {function: 0x42}. With write the point is never read, and
	// writing it makes the call.
	Call *Call `yaml:"call"`

	// Type is int16, uint16, int32, uint32, int64, uint64, float16, float32,
	// float64, bool, bcd (four decimal digits a register), bcd-unpacked (two, one a byte),
	// mod10k (0 to 9999 a register), int16-sign, int32-sign (the highest bit is
	// the sign, the others the size) or string. Default bool for coils and
	// discrete inputs, uint16 for registers.
	Type Type `yaml:"type" aka:"data_type format"`
	// Length is the number of registers of a string, or of a bcd, bcd-unpacked
	// or mod10k (1 to 4, default 1).
	Length int `yaml:"length" aka:"count objectsCount"`
	// Order is the order of the bytes: ABCD, CDAB, BADC or DCBA. Default that
	// of the device. In strings only the order within a register counts.
	Order Order `yaml:"order" aka:"byte_order word_order byteOrder wordOrder swap"`
	// Chars says where a string has its characters: both bytes of a register,
	// or one a register, in the high or the low byte. Default both.
	Chars Chars `yaml:"chars" aka:"string_register_location"`
	// Backwards says that a string has its last register first. Default false.
	Backwards bool `yaml:"backwards"`
	// Pad fills up a string that is written: nul or blank. Default nul.
	Pad Pad `yaml:"pad"`
	// Bit makes one bit of the value a bool: 0 (the lowest) to 15, or up to 31
	// and 63 of types that have so many. It is written by reading the register,
	// changing the bit and writing it back; what the device itself changes
	// between the two is lost, unless the device knows mask_write.
	Bit *int `yaml:"bit"`
	// Bits makes a field of bits of the value an integer, such as 4-7: signed if
	// the type is. It is written as Bit is.
	Bits *Range `yaml:"bits"`
	// ScaleRegister is the register of the same table that holds the power of
	// ten by which the value is to be multiplied, -10 to 10, as in SunSpec; it is
	// read in one request with the value and may change at any time. In a SunSpec
	// block it is an offset as sunspec.offset is.
	ScaleRegister *int `yaml:"scale_register" check:"min=0,max=65535"`
	// Invalid are the patterns by which the device says that it has no value:
	// 0x8000 for the bits of the whole value, -32768 or -999.9 for a number.
	// NaN and infinity never are values.
	Invalid []Sentinel `yaml:"invalid" aka:"nan_value error_value unsupported_value"`

	// WriteHolding is the first holding register that writes go to, where it is
	// not the one that is read.
	WriteHolding *uint16 `yaml:"write_holding"`
	// WriteCoil is the coil that writes go to, where it is not the one that is
	// read.
	WriteCoil *uint16 `yaml:"write_coil"`
	// Verify reads back what was written: true, or the place that shows it, and
	// how long the device may take: {input: 40, within: 2s}. A write that does not
	// show is answered with an error. Default false.
	Verify Verify `yaml:"verify"`

	device  *Device
	written bool // the configuration lets it be written
}

var (
	_ drivers.Address   = (*Address)(nil)
	_ drivers.Output    = (*Address)(nil)
	_ drivers.WriteOnly = (*Address)(nil)
	_ drivers.Bounded   = (*Address)(nil)
	_ drivers.Holder    = (*Address)(nil)
	_ drivers.Rounder   = (*Address)(nil)
)

// AllowWrite notes that the point may be written.
func (a *Address) AllowWrite() { a.written = true }

// WriteOnly says whether the point is never read: it makes a call, or speaks to
// all units at once.
func (a *Address) WriteOnly() bool { return a.Call != nil && a.written || a.device.broadcast() }

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
	case a.Call != nil:
		return Called
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
	switch {
	case a.Sunspec != nil:
		return a.Sunspec.Offset
	case a.Call != nil:
		return a.Call.Function
	}
	return 0
}

func (a *Address) places() [4]*uint16 {
	return [4]*uint16{a.Coil, a.Discrete, a.Input, a.Holding}
}

// Count is the number of registers of the point, or 1 for a coil or a
// discrete input.
func (a *Address) Count() int {
	t := a.ValueType()
	if a.Bit != nil && a.Type.sliceable() && a.Type != Unset {
		t = a.Type
	}
	if n := types[t].words; n > 0 {
		return n
	}
	return max(a.Length, 1)
}

// end is the number behind the point's last register or bit.
func (a *Address) end() int { return a.First() + a.Count() }

// span is all that is read for the point at once: its own registers and the one
// of its scale.
func (a *Address) span() (first, end int) {
	first, end = a.First(), a.end()
	if a.ScaleRegister != nil {
		first, end = min(first, *a.ScaleRegister), max(end, *a.ScaleRegister+1)
	}
	return first, end
}

// target is where writes go.
func (a *Address) target() (t Table, first int) {
	switch {
	case a.WriteHolding != nil:
		return Holding, int(*a.WriteHolding)
	case a.WriteCoil != nil:
		return Coil, int(*a.WriteCoil)
	}
	return a.Table(), a.First()
}

// ValueType is Type, or what it is where none was given.
func (a *Address) ValueType() Type {
	switch {
	case a.Bit != nil:
		return Bool
	case a.Type != Unset:
		return a.Type
	case a.Table().Bits(), a.Call != nil && a.written && !a.Call.Data.value:
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
func (a *Address) Kind() drivers.Kind {
	if a.ScaleRegister != nil {
		return drivers.KindFloat
	}
	return types[a.ValueType()].kind
}

// Writable says whether writes go to a coil, a holding register or a call.
func (a *Address) Writable() bool {
	t, _ := a.target()
	return t.Writable()
}

// String is "unit 2 holding 101", with the bits of a part of a register.
func (a *Address) String() string {
	s := fmt.Sprintf("unit %d %s %d", a.device.Unit, a.Table(), a.First())
	switch {
	case a.Sunspec != nil:
		s = fmt.Sprintf("unit %d %v", a.device.Unit, a.Sunspec)
	case a.Call != nil:
		s = fmt.Sprintf("unit %d %v", a.device.Unit, a.Call)
	}
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
	return errors.Join(a.validateType(), a.validateField(), a.validateEnd(), a.validateInvalid(),
		a.validateScale(), a.validateTarget(), a.validateVerify(), a.validateCall())
}

func (a *Address) validatePlace() error {
	n := 0
	for _, r := range a.places() {
		if r != nil {
			n++
		}
	}
	if a.Sunspec != nil {
		n++
	}
	if a.Call != nil {
		n++
	}
	switch n {
	case 0:
		return configs.Bad("", "has no place: give one of coil, discrete, input or holding")
	case 1:
		return nil
	}
	return configs.Bad(a.key(), "only one of %s may be given", placeKeys)
}

const placeKeys = "coil, discrete, input, holding, sunspec and call"

// key is the key that says the point's place.
func (a *Address) key() string {
	if a.Sunspec != nil {
		return "sunspec"
	}
	return a.Table().String()
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
	case t.decimal() && (a.Length < 0 || a.Length > 4):
		faults = append(faults, configs.Bad("length", "%d is not from 1 to 4, which is what a %s may have", a.Length, t))
	case t != String && !t.decimal() && a.Length != 0:
		faults = append(faults, configs.Bad("length", "only strings and decimal digits have a length; %s has %d", t, a.Count()))
	}
	if t != String && a.Chars != Both {
		faults = append(faults, configs.Bad("chars", "only strings have characters, not %s", t))
	}
	if t != String && a.Backwards {
		faults = append(faults, configs.Bad("backwards", "only strings have their registers backwards; for %s give an order such as CDAB", t))
	}
	if t != String && a.Pad != Nul {
		faults = append(faults, configs.Bad("pad", "only strings are filled up, not %s", t))
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
	case r.First < 0 || r.Last > 16*a.Count()-1:
		return configs.Bad(key, "%v is not from 0 (the lowest bit) to %d", r, 16*a.Count()-1)
	case !a.Type.sliceable() && !(a.Bit != nil && a.Type == Bool):
		return configs.Bad(key, "is a part of an integer, and cannot be taken from %s", a.Type)
	}
	return nil
}

func (a *Address) validateEnd() error {
	if a.Call != nil || a.end() <= registers {
		return nil
	}
	return configs.Bad(a.key(), "%d registers from %d on run past the last one, 65535", a.Count(), a.First())
}

func (a *Address) validateScale() error {
	if a.ScaleRegister == nil {
		return nil
	}
	_, part := a.field()
	switch t := a.ValueType(); {
	case a.Call != nil:
		return configs.Bad("scale_register", "a call reads no other registers")
	case part || t == Bool || t == String:
		return configs.Bad("scale_register", "is for numbers, and this point holds %v values", types[t].kind)
	}
	return nil
}

// validateTarget finds places that cannot take the value.
func (a *Address) validateTarget() error {
	switch {
	case a.WriteHolding != nil && a.WriteCoil != nil:
		return configs.Bad("write_coil", "only one of write_coil and write_holding may be given")
	case a.WriteHolding == nil && a.WriteCoil == nil:
		return nil
	case a.Call != nil:
		return configs.Bad("call", "a call is written by itself; remove write_coil and write_holding")
	case a.WriteCoil != nil && a.ValueType() != Bool:
		return configs.Bad("write_coil", "a coil is one bit, and cannot take %s", a.ValueType())
	case a.WriteHolding != nil && int(*a.WriteHolding)+a.Count() > registers:
		return configs.Bad("write_holding", "%d registers from %d on run past the last one, 65535", a.Count(), *a.WriteHolding)
	}
	return nil
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
