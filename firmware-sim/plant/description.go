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
	TCP    Kind = "tcp"    // Modbus TCP
	Serial Kind = "serial" // messages on a pseudo terminal
	GPIO   Kind = "gpio"   // a chip behind a Unix socket
)

// Bus describes a bus and what is on it. What does not belong to its kind is
// ignored.
type Bus struct {
	Name string
	Kind Kind
	// Path is where the pseudo terminal or the socket is to be found; empty:
	// the bus's name in Options.Dir.
	Path    string
	Address string   // of TCP, "host:port"; empty: a free port of the loopback
	Devices []Device // of RTU and TCP
	Frames  []Frame  // of Serial
	Label   string   // of GPIO; empty: "fieldmq-sim"
	Lines   []Line   // of GPIO
}

// Device describes a Modbus device. It answers for the registers of its points
// and refuses all others.
type Device struct {
	Name         string
	Unit         byte // 1 to 247
	MaxRegisters int  // in one read; zero: as many as the protocol allows
	Points       []Point
}

// Point describes a quantity of a Modbus device. Read-only points move as one
// expects of their unit, writable ones hold what was written last.
type Point struct {
	Name    string
	Table   string // coil, discrete, holding, input
	Address uint16 // counts from 0
	Layout  words.Layout
	Bit     int // of a bool in a register: 0 is the lowest

	Unit string // UCUM: Cel, V, kW.h, ...
	// A register holds (value - Offset) / Scale. A Scale of zero is one.
	Scale, Offset float64
	Min, Max      float64 // of the value; they count if Min < Max
	Enum          []int64 // the words that there are, as in the register
	Writable      bool
}

// Frame describes a message of a serial device.
type Frame struct {
	Text    string        // the bytes, line end and all
	Moves   bool          // numbers with a decimal point vary by some percent
	Every   time.Duration // how often it comes unasked; zero: never
	Request string        // the bytes that ask for it; empty: nothing does
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
