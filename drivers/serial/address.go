package serial

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"fieldmq/drivers"
)

// Address is the driver's part of the section of a point: the frame that holds
// its value, and where. Text is found by match, binary values by at.
type Address struct {
	// Request is sent to ask for the value; an empty one means that the device
	// says it by itself. Default: that of the device.
	Request Bytes `yaml:"request"`

	// Match is a regular expression (RE2) that finds the value in the frame.
	// Default: that of the device.
	Match string `yaml:"match"`
	// Group is the name or the number of the group of match that is the value.
	// Default: the first one, or the whole match if there is none.
	Group string `yaml:"group"`

	// At is the first byte of a binary value in the frame, from 0; negative
	// numbers count from its end.
	At *int `yaml:"at" check:"min=-4096,max=4096"`
	// Starts are the bytes, in hex, that a frame must begin with to hold the
	// binary value. Default: any frame does.
	Starts Hex `yaml:"starts"`
	// Order is the order of the bytes of a binary number. Default big.
	Order string `yaml:"order" check:"oneof=big|little"`
	// Length is the number of bytes of a bcd (default 1) or a binary string.
	Length int `yaml:"length" check:"min=0,max=4096"`
	// Bit makes one bit of a binary unsigned integer a bool; 0 is the lowest.
	Bit *int `yaml:"bit" check:"min=0,max=63"`

	// Type is, of text, float, int, hex (an integer in hexadecimal digits), bool
	// or string; of binary values int8 to int64, uint8 to uint64, float32,
	// float64, bcd or string. Default float and uint8.
	Type string `yaml:"type" check:"oneof=float|int|hex|bool|string|int8|uint8|int16|uint16|int32|uint32|int64|uint64|float32|float64|bcd"`
	// Decimal is what stands before the decimals of a text: point or comma.
	// Default point.
	Decimal string `yaml:"decimal" check:"oneof=point|comma"`
	// TrueIs is the word for true of a bool in text. Default: true, on, yes or 1.
	TrueIs string `yaml:"true_is"`
	// FalseIs is the word for false. Default: false, off, no or 0; any other
	// word if true_is is given.
	FalseIs string `yaml:"false_is"`
	// Invalid are the words, or the numbers, by which the device says that it
	// has no value: [----, 32767].
	Invalid []string `yaml:"invalid"`

	// Command is sent to write a value, which stands in for {}: "SP {}\r". A
	// format may stand in the braces: {%06.1f}, {%03d}, {%X}. Default: the point
	// cannot be written.
	Command Bytes `yaml:"command"`
	// Expect is a regular expression of the answer by which the device agrees to
	// a command. Default: no answer is waited for.
	Expect string `yaml:"expect"`

	device *Device
}

var (
	_ drivers.Address = (*Address)(nil)
	_ drivers.Bounded = (*Address)(nil)
)

// String is "match 'T=(.*)'" or "byte 3".
func (a *Address) String() string {
	if a.At != nil {
		return fmt.Sprint("byte ", *a.At)
	}
	return "match " + written(a.Match)
}

// Kind is the kind of the type.
func (a *Address) Kind() drivers.Kind {
	switch a.kind() {
	case "bool":
		return drivers.KindBool
	case "string":
		return drivers.KindText
	case "float", "float32", "float64":
		return drivers.KindFloat
	}
	return drivers.KindInt
}

// kind is the type with its default; a bit is a bool.
func (a *Address) kind() string {
	switch {
	case a.Bit != nil:
		return "bool"
	case a.Type != "":
		return a.Type
	case a.At != nil:
		return "uint8"
	}
	return "float"
}

// Writable says whether there is a command.
func (a *Address) Writable() bool { return len(a.Command) > 0 }

// Question is the bytes that ask for the value, empty if the device says it by
// itself.
func (a *Address) Question() []byte { return a.request() }

// Expression is the regular expression of the value, with the address of the
// device in it; empty for a binary value.
func (a *Address) Expression() string {
	if a.At != nil {
		return ""
	}
	return strings.ReplaceAll(a.Match, placeholder, regexp.QuoteMeta(a.device.ID))
}

func (a *Address) request() []byte        { return a.device.bytes(a.Request) }
func (a *Address) timeout() time.Duration { return a.device.Timeout.D() }
func (a *Address) pause() time.Duration   { return a.device.Pause.D() }

// asks says whether two points ask the same.
func (a *Address) asks(b *Address) bool { return bytes.Equal(a.request(), b.request()) }
