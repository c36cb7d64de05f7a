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
	return fmt.Errorf("%q is not one of %s", text, strings.Join(names, ", "))
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

func (t Type) float() bool { return t == Float32 || t == Float64 }

func (t Type) signed() bool { return t == Int16 || t == Int32 || t == Int64 }
