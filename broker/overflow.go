package broker

import (
	"fmt"
	"slices"
)

// Overflow is what gives way when a queue is full.
type Overflow uint8

// The ways to give way.
const (
	DropNewest Overflow = iota
	DropOldest
)

var overflows = []string{"drop-newest", "drop-oldest"}

// UnmarshalText reads the name of a way.
func (o *Overflow) UnmarshalText(text []byte) error {
	i := slices.Index(overflows, string(text))
	if i < 0 {
		return fmt.Errorf("%q is neither drop-newest nor drop-oldest", text)
	}
	*o = Overflow(i)
	return nil
}

// ConfigForms are the words to choose from.
func (Overflow) ConfigForms() []any {
	var words []any
	for _, word := range overflows {
		words = append(words, word)
	}
	return words
}

// MarshalText writes String.
func (o Overflow) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String is the name of the way.
func (o Overflow) String() string { return overflows[o] }
