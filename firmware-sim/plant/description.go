package plant

import (
	"time"

	"fieldmq/firmware-sim/words"
)

// Kind is the kind of a bus.
type Kind string

// The kinds of buses.
const (
	RTU    Kind = "rtu"    // Modbus RTU on a pseudo terminal
	ASCII  Kind = "ascii"  // Modbus ASCII on a pseudo terminal
	TCP    Kind = "tcp"    // Modbus TCP
	TLS    Kind = "tls"    // Modbus/TCP Security
	UDP    Kind = "udp"    // Modbus over UDP
	Serial Kind = "serial" // messages on a pseudo terminal
	GPIO   Kind = "gpio"   // a chip behind a Unix socket

	RTUOverTCP   Kind = "rtu-tcp"   // a box that hands bytes on to a serial line
	ASCIIOverTCP Kind = "ascii-tcp" // the same, with ASCII on the line
	RTUOverUDP   Kind = "rtu-udp"   // the same in datagrams
)

// Bus describes a bus and what is on it. What does not belong to its kind is
// ignored.
type Bus struct {
	Name string
	Kind Kind
	// Path is where the pseudo terminal or the socket is to be found; empty:
	// the bus's name in Options.Dir.
	Path string
	// Baud and Parity are how the devices on a serial line speak; they understand
	// nothing else. Zero: they understand any.
	Baud    int
	Parity  bool
	Address string   // on a network, "host:port"; empty: a free port of the loopback
	Devices []Device // of Modbus buses
	// Dials says that the devices of TCP, TLS, RTUOverTCP or ASCIIOverTCP dial in
	// at the address, and say who they are and now and then that they are there.
	Dials                   bool
	Registration, Heartbeat string
	ServerName              string   // of TLS, in the certificate; may be empty
	Frames                  []Frame  // of Serial
	Serves                  []string // other names for the device of Serial or GPIO
	Label                   string   // of GPIO; empty: "fieldmq-sim"
	Lines                   []Line   // of GPIO
}

// Device describes a Modbus device. It answers for the registers of its points
// and refuses all others.
type Device struct {
	Name         string
	Unit         byte // 1 to 255
	MaxRegisters int  // in one read; zero: as many as the protocol allows
	Points       []Point
	Fixed        map[uint16]uint16 // registers that always read so
	Blocks       []Block           // registers that read 0 where no point is
	Calls        []Call
}

// Block is a run of registers.
type Block struct {
	First uint16
	Count int
}

// Call describes a request of the maker's own. It is answered if its bytes are
// these: Before, Value bytes of any kind, After.
type Call struct {
	Function      byte
	Before, After []byte
	Value         int
	Echo          bool   // the answer is the request
	Answer        []byte // else, behind the function code
}

// Place is the first address of a point in a table.
type Place struct {
	Table   string
	Address uint16
}

// Point describes a quantity of a Modbus device. Read-only points move as one
// expects of their unit, writable ones hold what was written last.
type Point struct {
	Name    string
	Table   string // coil, discrete, holding, input
	Address uint16 // counts from 0
	Layout  words.Layout
	// Of a part of the value, such as a bool in a register: the lowest of its bits
	// (0 is that of the value), and how many they are. Zero Bits: all, or one of a
	// bool.
	Bit, Bits int

	Unit string // UCUM: Cel, V, kW.h, ...
	// A register holds (value - Offset) / Scale. A Scale of zero is one.
	Scale, Offset float64
	Min, Max      float64 // of the value; they count if Min < Max
	Enum          []int64 // the words that there are, as in the register
	Flags         []int   // the bits that may be set; none: it is no set of flags
	Writable      bool
	Takes         *Place // where it is written; nil: where it is read
	Shows         *Place // where it is read too; nil: nowhere else
}

// Frame describes a message of a serial device.
type Frame struct {
	Text    string        // the bytes, line end and all
	Ends    int           // how many of them, at the end, are the delimiter
	Moves   bool          // numbers with a decimal point vary by some percent
	Every   time.Duration // how often it comes unasked; zero: never
	Request string        // the bytes that ask for it; empty: nothing does
	Fields  []Field       // binary values in it
	Sum     *Sum          // its checksum; nil: it has none
	// Marks are what begins and ends a message; they must not come by chance
	// between the first Head bytes and the end mark at MarkAt. None: any bytes may
	// come.
	Marks        []string
	Head, MarkAt int
	// Order, where it is set, is a request with a value in it, between these two:
	// a command.
	Order *Order
	Slots []Slot // texts in it that commands set, in their order
}

// Order is a command: bytes, a value of any kind, bytes. The point that it sets
// has its value from then on, in all messages.
type Order struct{ Before, After, Point string }

// Slot is the place of a value in a message.
type Slot struct {
	Point  string // the one of the Order
	At     int    // its first byte
	Length int
	Fixed  bool // the message keeps its length: the value is cut, or filled up with blanks
}

// Line describes a line of a GPIO chip. The chip has the lines GPIO0 to GPIO27
// in any case, and after them those described under other names.
type Line struct {
	Name  string
	Moves Movement
}

// Movement is what a GPIO line does.
type Movement string

// The movements of lines.
const (
	Idle    Movement = ""        // nothing, as an output
	Toggles Movement = "toggles" // a contact that opens and closes
	Counts  Movement = "counts"  // a sensor that gives pulses
)
