// Package frame takes frames of Modbus apart that others sent: requests of other
// masters, and what is overheard on a line. Package drivers/modbus only has to
// recognize answers to requests of its own.
//
// It obeys the "MODBUS Application Protocol Specification V1.1b3" (APS in the
// comments) and "MODBUS over Serial Line V1.02" (MSL).
package frame

import (
	"encoding/binary"

	"fieldmq/drivers/modbus"
)

// Function codes. (APS 5.1)
const (
	ReadCoils          = 1
	ReadDiscrete       = 2
	ReadHolding        = 3
	ReadInput          = 4
	WriteCoil          = 5
	WriteRegister      = 6
	WriteCoils         = 15
	WriteRegisters     = 16
	ServerID           = 17
	MaskWrite          = 22
	ReadWriteRegisters = 23
	Encapsulated       = 43
)

// Failed is the bit that turns a function code into that of an exception.
const Failed = 0x80

// Lengths in bytes. (APS 4.1, MSL 2.5.1)
const (
	LongestPDU = 253
	Overhead   = 3 // of an RTU frame: unit id and CRC around a PDU
	Longest    = 256
)

// More says that a length is not known before more bytes are there.
const More = -1

// Span is a range of a table.
type Span struct {
	Table        modbus.Table
	First, Count int
}

// Request is what a request asks for.
type Request struct {
	Function byte
	Data     []byte // behind the function code
	Read     Span   // Count 0: it reads nothing of a table
	Write    Span   // Count 0: it writes nothing
}

var tables = map[byte]modbus.Table{
	ReadCoils: modbus.Coil, ReadDiscrete: modbus.Discrete, ReadHolding: modbus.Holding, ReadInput: modbus.Input,
	WriteCoil: modbus.Coil, WriteCoils: modbus.Coil,
	WriteRegister: modbus.Holding, WriteRegisters: modbus.Holding, MaskWrite: modbus.Holding, ReadWriteRegisters: modbus.Holding,
}

// most is how much one request may ask for. (APS 6.1 to 6.17)
var most = map[byte]int{
	ReadCoils: 2000, ReadDiscrete: 2000, ReadHolding: 125, ReadInput: 125, WriteCoils: 1968, WriteRegisters: 123,
}

// Exceptions that a request deserves before any device has seen it.
const (
	IllegalFunction = modbus.Exception(1)
	IllegalAddress  = modbus.Exception(2)
	IllegalValue    = modbus.Exception(3)
)

// Parse takes the PDU of a request apart. An error is the modbus.Exception
// that a device would answer with: the function is none that we know, or its
// data are not as the standard has them.
func Parse(pdu []byte) (Request, error) {
	if len(pdu) == 0 {
		return Request{}, IllegalFunction
	}
	r := Request{Function: pdu[0], Data: pdu[1:]}
	switch n := RequestLen(pdu); {
	case n == 0:
		return r, IllegalFunction
	case n != len(pdu):
		return r, IllegalValue
	}
	return r, r.spans()
}

// spans finds what the request reads and writes.
func (r *Request) spans() error {
	table, addressed := tables[r.Function]
	if !addressed {
		return nil
	}
	one := Span{table, word(r.Data, 0), 1}
	switch r.Function {
	case ReadCoils, ReadDiscrete, ReadHolding, ReadInput:
		one.Count = word(r.Data, 2)
		r.Read = one
		return r.Read.check(most[r.Function])
	case WriteCoils, WriteRegisters:
		one.Count = word(r.Data, 2)
		r.Write = one
		if int(r.Data[4]) != one.Bytes() {
			return IllegalValue
		}
		return r.Write.check(most[r.Function])
	case ReadWriteRegisters:
		r.Read = Span{table, word(r.Data, 0), word(r.Data, 2)}
		r.Write = Span{table, word(r.Data, 4), word(r.Data, 6)}
		if int(r.Data[8]) != r.Write.Bytes() {
			return IllegalValue
		}
		if err := r.Read.check(125); err != nil {
			return err
		}
		return r.Write.check(121)
	case WriteCoil:
		if v := word(r.Data, 2); v != 0 && v != 0xFF00 {
			return IllegalValue
		}
	}
	r.Write = one
	return nil
}

func word(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }

// Bytes is the size of the span's values.
func (s Span) Bytes() int {
	if s.Table.Bits() {
		return (s.Count + 7) / 8
	}
	return 2 * s.Count
}

func (s Span) check(most int) error {
	switch {
	case s.Count < 1 || s.Count > most:
		return IllegalValue
	case s.First+s.Count > 1<<16:
		return IllegalAddress
	}
	return nil
}

// RequestLen is the length of the PDU of a request that begins with these
// bytes: 0 if its function is none that we know, More if that cannot be told
// yet.
func RequestLen(pdu []byte) int {
	counted := func(at int) int {
		if len(pdu) <= at {
			return More
		}
		return at + 1 + int(pdu[at])
	}
	switch pdu[0] {
	case ReadCoils, ReadDiscrete, ReadHolding, ReadInput, WriteCoil, WriteRegister:
		return 5
	case WriteCoils, WriteRegisters:
		return counted(5)
	case ServerID:
		return 1
	case MaskWrite:
		return 7
	case ReadWriteRegisters:
		return counted(9)
	case Encapsulated:
		return 4 // the device identification, of which alone we know
	}
	return 0
}

// AnswerLen is the length of the PDU of an answer, in the manner of RequestLen.
func AnswerLen(pdu []byte) int {
	if pdu[0]&Failed != 0 {
		return 2
	}
	switch pdu[0] {
	case ReadCoils, ReadDiscrete, ReadHolding, ReadInput, ServerID, ReadWriteRegisters:
		if len(pdu) < 2 {
			return More
		}
		return 2 + int(pdu[1])
	case WriteCoil, WriteRegister, WriteCoils, WriteRegisters:
		return 5
	case MaskWrite:
		return 7
	case Encapsulated:
		return identityLen(pdu)
	}
	return 0
}

// identityLen is that of a device identification: objects of an id, a length
// and a text follow each other. (APS 6.21)
func identityLen(pdu []byte) int {
	n := 7
	if len(pdu) < n {
		return More
	}
	for range pdu[6] {
		if len(pdu) < n+2 {
			return More
		}
		n += 2 + int(pdu[n+1])
	}
	if n > LongestPDU {
		return 0
	}
	return n
}

// Answers says whether a PDU can be the answer to a request.
func (r Request) Answers(pdu []byte) bool {
	switch {
	case len(pdu) == 2 && pdu[0] == r.Function|Failed:
		return true
	case len(pdu) == 0 || pdu[0] != r.Function || AnswerLen(pdu) != len(pdu):
		return false
	case r.Read.Count > 0:
		return int(pdu[1]) == r.Read.Bytes()
	case r.Write.Count > 0:
		return word(pdu, 1) == r.Write.First
	}
	return true
}
