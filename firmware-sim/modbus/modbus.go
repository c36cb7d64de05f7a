// Package modbus is a Modbus server for simulated devices, on serial lines
// (RTU) and on TCP. It follows the Modbus Application Protocol Specification
// V1.1b3 ("MAP"), Modbus over Serial Line V1.02 and the Messaging on TCP/IP
// Implementation Guide V1.0b, and shares nothing with the clients it tests.
package modbus

import "strconv"

// Exception is an exception code, which a Device returns to refuse a request.
// MAP section 7
type Exception byte

// The exception codes that servers use.
const (
	IllegalFunction     Exception = 1
	IllegalDataAddress  Exception = 2
	IllegalDataValue    Exception = 3
	ServerDeviceFailure Exception = 4
	// GatewayTargetFailed: nobody of that unit id is there.
	GatewayTargetFailed Exception = 11
)

func (e Exception) Error() string { return "exception " + strconv.Itoa(int(e)) }

// Caller is implemented by a Device that knows requests of its maker's own.
type Caller interface {
	// Call answers the data of a request, or says that it does not know it.
	Call(function byte, data []byte) (answer []byte, ok bool)
}

// Table is one of the four tables of a device. MAP section 4.3
type Table byte

// The four tables. Addresses in each count from 0.
const (
	Coils Table = iota
	DiscreteInputs
	HoldingRegisters
	InputRegisters
)

// Device is what is behind a unit id. Values of coils and discrete inputs are
// 0 or 1. An address range never goes beyond 65535. The server calls a device
// from one goroutine at a time.
//
// An error that is no Exception becomes ServerDeviceFailure.
type Device interface {
	// Read fills values with what stands from address on.
	Read(t Table, address uint16, values []uint16) error
	// Write puts values from address on, all of them or none. Only coils and
	// holding registers are written.
	Write(t Table, address uint16, values []uint16) error
}

// Identity is the basic device identification. MAP section 6.21
type Identity struct{ Vendor, Product, Revision string }

// Identifier is implemented by devices that say what they are.
type Identifier interface {
	Identity() Identity
}

// Reporter is implemented by devices that say what they are in the older way, by
// function code 17. The text is below 250 bytes.
type Reporter interface {
	ServerID() string
}

// Copy fills values with words from address on, where base is the address of
// the first word; an address that words does not cover is refused.
func Copy(values, words []uint16, base, address uint16) error {
	from := int(address) - int(base)
	if from < 0 || from+len(values) > len(words) {
		return IllegalDataAddress
	}
	copy(values, words[from:])
	return nil
}
