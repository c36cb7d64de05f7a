package serial

import (
	"errors"
	"slices"

	"fieldmq/configs"
)

// Types of values in text; the others are binary. A string is both.
var textTypes = []string{"", "float", "int", "hex", "bool", "string"}

// Validate finds keys that are wrong or do not go together.
func (a *Address) Validate() error {
	if a.At == nil && a.Match == "" {
		return configs.Bad("", "has no place in a frame; write match for text, or at for binary values")
	}
	return errors.Join(a.validatePlace(), a.validateWrite())
}

func (a *Address) validatePlace() error {
	if a.At == nil {
		return a.validateText()
	}
	return a.validateBinary()
}

func (a *Address) validateText() error {
	var faults []error
	if _, err := a.text(); err != nil {
		faults = append(faults, err)
	}
	if !slices.Contains(textTypes, a.Type) {
		faults = append(faults, configs.Bad("type", "%s is binary and needs at; write float, int, hex, bool or string", a.Type))
	}
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"order", a.Order != ""},
		{"length", a.Length != 0},
		{"bit", a.Bit != nil},
		{"starts", len(a.Starts) > 0},
	} {
		if k.given {
			faults = append(faults, configs.Bad(k.key, "is for binary values, which have at instead of match"))
		}
	}
	if a.Type != "bool" && a.TrueIs+a.FalseIs != "" {
		faults = append(faults, configs.Bad("type", "must be bool for true_is and false_is"))
	}
	return errors.Join(faults...)
}

func (a *Address) validateBinary() error {
	var faults []error
	if a.Match != a.device.Match {
		faults = append(faults, configs.Bad("match", "stands beside at; keep one of them"))
	}
	if a.Group != "" {
		faults = append(faults, configs.Bad("group", "is for match"))
	}
	if a.Type != "" && a.Type != "string" && slices.Contains(textTypes, a.Type) {
		faults = append(faults, configs.Bad("type", "%s is for text; write a binary one, such as uint8, int16 or float32", a.Type))
	}
	return errors.Join(append(faults, a.validateLength(), a.validateBit())...)
}

func (a *Address) validateLength() error {
	switch {
	case a.Type == "string" && a.Length == 0:
		return configs.Bad("length", "is missing: how many bytes has the string?")
	case a.Type == "bcd" && a.Length > maxBCD:
		return configs.Bad("length", "a bcd has at most %d bytes", maxBCD)
	case a.Type != "string" && a.Type != "bcd" && a.Length != 0:
		return configs.Bad("length", "is for string and bcd; the others have theirs")
	}
	return nil
}

func (a *Address) validateBit() error {
	switch {
	case a.Bit == nil:
		return nil
	case !slices.Contains([]string{"", "uint8", "uint16", "uint32", "uint64"}, a.Type):
		return configs.Bad("bit", "is for unsigned integers; %s is none", a.Type)
	case *a.Bit >= 8*a.width():
		return configs.Bad("bit", "%d is not within 0 to %d", *a.Bit, 8*a.width()-1)
	}
	return nil
}

func (a *Address) validateWrite() error {
	if a.Expect != "" && len(a.Command) == 0 {
		return configs.Bad("expect", "is the answer to a command, which is missing")
	}
	var faults []error
	if _, err := a.device.expression(a.Expect); err != nil {
		faults = append(faults, badExpression("expect", err))
	}
	if _, err := a.template(); err != nil {
		faults = append(faults, configs.Bad("command", "%s", err))
	}
	return errors.Join(faults...)
}
