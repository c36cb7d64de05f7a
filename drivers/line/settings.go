package line

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.bug.st/serial"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Settings is how a serial line is opened. It is embedded in the sections of
// buses that run over one.
type Settings struct {
	// Port is the device file of the line: /dev/ttyUSB0, or better
	// /dev/serial/by-id/..., which stays the same after replugging, or usb: and
	// the serial number of a USB adapter. An adapter that comes back under
	// another name is found by its serial number. Required.
	Port string `yaml:"port" check:"required"`
	// Baud is the speed in bits a second, the same for all devices on the
	// line. Default 9600.
	Baud int `yaml:"baud" check:"min=50,max=4000000" aka:"baudrate baud_rate"`
	// Parity is even, odd or none. Default none; even for modbus-ascii.
	Parity Parity `yaml:"parity"`
	// DataBits is the number of bits of a character, 5 to 8. Default 8; 7 for
	// modbus-ascii.
	DataBits int `yaml:"data_bits" check:"min=5,max=8" aka:"bytesize"`
	// StopBits is 1 or 2. Default 1.
	StopBits int `yaml:"stop_bits" check:"min=1,max=2" aka:"stopbits"`
	// RS485 is about lines with two wires whose direction must be turned.
	RS485 RS485 `yaml:"rs485"`

	tap    *drivers.Tap // nil until someone asks for it
	memory *memory      // of the adapter; nil: none
}

// Names of ports that people write in the place of their paths.
var (
	bareName    = regexp.MustCompile(`^tty[A-Za-z]+[0-9]+$|^serial[0-9]$`)
	windowsName = regexp.MustCompile(`^(?i:com)[0-9]+$`)
)

// Takes is the port, which is of one bus alone.
func (s *Settings) Takes() (key, what string) { return "port", s.Port }

// Validate finds a name of a port that cannot be one.
func (s *Settings) Validate() error {
	if bareName.MatchString(s.Port) {
		return configs.Bad("port", "%q is not the path of a device file; write /dev/%s", s.Port, s.Port)
	}
	if windowsName.MatchString(s.Port) {
		return configs.Bad("port", "%q is what Windows calls a port; here it is a device file such as /dev/ttyUSB0", s.Port)
	}
	if !strings.HasPrefix(s.Port, usbScheme) {
		return nil
	}
	if _, err := parseAdapter(s.Port); err != nil {
		return configs.Bad("port", "%v", err)
	}
	return nil
}

// Tapped is where others may listen in on the line.
func (s *Settings) Tapped() *drivers.Tap {
	if s.tap == nil {
		s.tap = &drivers.Tap{}
	}
	return s.tap
}

// Defaults is a line at 9600 8N1 whose port is still to be named.
func Defaults() Settings {
	return Settings{Baud: 9600, DataBits: 8, StopBits: 1, RS485: RS485{Direction: byAdapter}, memory: &memory{}}
}

// Bits is the length of one character on the wire in bits, start bit, parity
// and stop bits included.
func (s *Settings) Bits() int {
	bits := 1 + s.DataBits + s.StopBits
	if s.Parity != None {
		bits++
	}
	return bits
}

// Char is the time that one character takes on the wire.
func (s *Settings) Char() time.Duration {
	return time.Duration(s.Bits()) * time.Second / time.Duration(max(s.Baud, 1))
}

// String is the line in the usual notation: "/dev/ttyUSB0 9600 8E1".
func (s *Settings) String() string {
	return fmt.Sprintf("%s %d %d%c%d", s.Port, s.Baud, s.DataBits, s.Parity.letter(), s.StopBits)
}

func (s *Settings) mode() *serial.Mode {
	mode := &serial.Mode{BaudRate: s.Baud, DataBits: s.DataBits}
	switch s.Parity {
	case Even:
		mode.Parity = serial.EvenParity
	case Odd:
		mode.Parity = serial.OddParity
	}
	if s.StopBits == 2 {
		mode.StopBits = serial.TwoStopBits
	}
	return mode
}

// Parity is the check bit of each character.
type Parity uint8

// The parities in use.
const (
	None Parity = iota
	Even
	Odd
)

var parities = [...]string{None: "none", Even: "even", Odd: "odd"}

// UnmarshalText reads even, odd or none, or their first letters.
func (p *Parity) UnmarshalText(text []byte) error {
	for i, name := range parities {
		if t := strings.ToLower(string(text)); t == name || t == name[:1] {
			*p = Parity(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not even, odd or none", text)
}

// ConfigForms are the words to choose from.
func (Parity) ConfigForms() []any { return []any{"none", "even", "odd"} }

// MarshalText writes String.
func (p Parity) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is the parity's name.
func (p Parity) String() string { return parities[p] }

func (p Parity) letter() byte { return p.String()[0] - 'a' + 'A' }
