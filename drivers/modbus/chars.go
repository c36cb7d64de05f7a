package modbus

import "fmt"

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
