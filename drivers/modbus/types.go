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

// Order is the order of the bytes of a value on the wire, written for four
// bytes of which A is the most significant.
type Order uint8

// The orders of bytes. ABCD is Modbus's own; CDAB sends the low word first,
// BADC swaps the bytes of each word, DCBA does both.
const (
	ABCD Order = iota
	CDAB
	BADC
	DCBA
)

var orders = [...]string{"ABCD", "CDAB", "BADC", "DCBA"}

// UnmarshalText reads the name of an order.
func (o *Order) UnmarshalText(text []byte) error {
	for i, name := range orders {
		if strings.EqualFold(name, string(text)) {
			*o = Order(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not ABCD, CDAB (low word first), BADC (bytes swapped) or DCBA (both)", text)
}

// ConfigForms are the words to choose from.
func (Order) ConfigForms() []any {
	var words []any
	for _, word := range orders {
		words = append(words, word)
	}
	return words
}

// MarshalText writes String.
func (o Order) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String is the order's name.
func (o Order) String() string { return orders[o] }

func (o Order) lowWordFirst() bool { return o == CDAB || o == DCBA }

func (o Order) swapsBytes() bool { return o == BADC || o == DCBA }

// Chars says where the characters of a string stand in a register.
type Chars uint8

// The layouts of strings.
const (
	Both Chars = iota // two characters in each register
	High              // one, in the upper byte
	Low               // one, in the lower byte
)

var layouts = [...]string{"both", "high", "low"}

// UnmarshalText reads both, high or low.
func (c *Chars) UnmarshalText(text []byte) error {
	for i, name := range layouts {
		if name == string(text) {
			*c = Chars(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not both, high or low", text)
}

// ConfigForms are the words to choose from.
func (Chars) ConfigForms() []any {
	var words []any
	for _, word := range layouts {
		words = append(words, word)
	}
	return words
}

// MarshalText writes String.
func (c Chars) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String is the layout's name.
func (c Chars) String() string { return layouts[c] }
