package modbus

import (
	"fmt"
	"strings"
)

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
