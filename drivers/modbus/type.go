package modbus

import (
	"fmt"
	"strings"

	"fieldmq/drivers"
)

// Type says how the words of a value are to be understood.
type Type uint8

// The types of values. Unset is bool for coils and discrete inputs, uint16 for
// registers.
const (
	Unset Type = iota
	Bool
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float32
	Float64
	BCD
	UnpackedBCD
	Mod10k
	SignInt16
	SignInt32
	Float16
	String
)

var types = [...]struct {
	name  string
	words int // registers of a value, 0: as the key length says
	kind  drivers.Kind
}{
	Unset:   {"", 0, drivers.KindNone},
	Bool:    {"bool", 1, drivers.KindBool},
	Int16:   {"int16", 1, drivers.KindInt},
	Uint16:  {"uint16", 1, drivers.KindInt},
	Int32:   {"int32", 2, drivers.KindInt},
	Uint32:  {"uint32", 2, drivers.KindInt},
	Int64:   {"int64", 4, drivers.KindInt},
	Uint64:  {"uint64", 4, drivers.KindInt},
	Float32: {"float32", 2, drivers.KindFloat},
	Float64: {"float64", 4, drivers.KindFloat},
	BCD:     {"bcd", 0, drivers.KindInt},
	String:  {"string", 0, drivers.KindText},

	UnpackedBCD: {"bcd-unpacked", 0, drivers.KindInt},
	Mod10k:      {"mod10k", 0, drivers.KindInt},
	SignInt16:   {"int16-sign", 1, drivers.KindInt},
	SignInt32:   {"int32-sign", 2, drivers.KindInt},
	Float16:     {"float16", 1, drivers.KindFloat},
}

// UnmarshalText reads the name of a type.
func (t *Type) UnmarshalText(text []byte) error {
	var names []string
	for i, known := range types[1:] {
		if known.name == string(text) {
			*t = Type(i + 1)
			return nil
		}
		names = append(names, known.name)
	}
	return fmt.Errorf("%q is not one of %s%s", text, strings.Join(names, ", "), hint(string(text)))
}

// elsewhere is what other programs and manuals call types.
var elsewhere = map[string]Type{
	"s16": Int16, "16int": Int16, "short": Int16, "u16": Uint16, "16uint": Uint16, "ushort": Uint16, "word": Uint16,
	"s32": Int32, "32int": Int32, "dint": Int32, "u32": Uint32, "32uint": Uint32, "udint": Uint32, "dword": Uint32,
	"s64": Int64, "64int": Int64, "lint": Int64, "u64": Uint64, "64uint": Uint64, "ulint": Uint64,
	"float": Float32, "real": Float32, "32float": Float32, "float32-ieee": Float32,
	"half": Float16, "16float": Float16, "float16-ieee": Float16,
	"double": Float64, "lreal": Float64, "64float": Float64, "float64-ieee": Float64,
	"bit": Bool, "bits": Bool, "boolean": Bool, "text": String, "str": String,
}

// hint says what a type that is called so elsewhere is here.
func hint(text string) string {
	lower := strings.ToLower(text)
	t := elsewhere[lower]
	for i, known := range types[1:] {
		if known.name == lower {
			t = Type(i + 1)
		}
	}
	if t == Unset {
		return ""
	}
	return "; here it is " + t.String()
}

// ConfigForms are the words to choose from.
func (Type) ConfigForms() []any {
	var words []any
	for _, word := range types[1:] {
		words = append(words, word.name)
	}
	return words
}

// MarshalText writes String.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String is the type's name in the YAML, empty for Unset.
func (t Type) String() string { return types[t].name }

func (t Type) float() bool { return t == Float16 || t == Float32 || t == Float64 }

func (t Type) signed() bool { return t == Int16 || t == Int32 || t == Int64 }

// magnitude says whether the highest bit is the sign, and the others the size.
func (t Type) magnitude() bool { return t == SignInt16 || t == SignInt32 }

// decimal says whether the registers hold decimal digits.
func (t Type) decimal() bool { return t == BCD || t == UnpackedBCD || t == Mod10k }

// sliceable says whether a part of the bits can be a value of its own.
func (t Type) sliceable() bool {
	return t == Unset || Int16 <= t && t <= Uint64
}
