package modbus

import "fmt"

// Pad is what a string that is written is filled up with.
type Pad uint8

// What strings are filled up with.
const (
	Nul Pad = iota
	Blank
)

var pads = [...]string{Nul: "nul", Blank: "blank"}

// UnmarshalText reads nul or blank.
func (p *Pad) UnmarshalText(text []byte) error {
	for i, name := range pads {
		if name == string(text) {
			*p = Pad(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not nul or blank", text)
}

// ConfigForms are the words to choose from.
func (Pad) ConfigForms() []any { return []any{pads[Nul], pads[Blank]} }

// MarshalText writes String.
func (p Pad) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is the word of the YAML.
func (p Pad) String() string { return pads[p] }
