package modbus

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/goburrow/modbus"
)

// pdu is a request without its frame. (APS 4.1)
type pdu struct {
	body
	shape *shape // of the answer; nil: as the standard has it
}

// body is what a request or an answer says: its function code and data.
type body = modbus.ProtocolDataUnit

// shape is how an answer looks whose function code the standard does not know.
type shape struct {
	length int  // in bytes, without the function code
	echo   bool // it repeats the request
}

func newPDU(function byte, data []byte) *pdu {
	return &pdu{body: body{FunctionCode: function, Data: data}}
}

// maxPDU is the length in bytes of the longest PDU. (APS 4.1)
const maxPDU = 253

// failed is the bit that turns a function code into that of an exception.
const failed = 0x80

// readRequest asks for count registers or bits.
func readRequest(t Table, first, count int) *pdu {
	return newPDU(tables[t].read, words(first, count))
}

func words(ws ...int) []byte {
	b := make([]byte, 0, 2*len(ws))
	for _, w := range ws {
		b = binary.BigEndian.AppendUint16(b, uint16(w))
	}
	return b
}

// writeRegisters writes raw, two bytes a register.
func writeRegisters(first int, raw []byte, multiple bool) *pdu {
	if len(raw) == 2 && !multiple {
		return newPDU(modbus.FuncCodeWriteSingleRegister, append(words(first), raw...))
	}
	data := append(words(first, len(raw)/2), byte(len(raw)))
	return newPDU(modbus.FuncCodeWriteMultipleRegisters, append(data, raw...))
}

// maskWrite sets the bits of a register that mask has to those of bits, and
// leaves the others. (APS 6.16)
func maskWrite(first int, mask, bits []byte) *pdu {
	data := append(words(first), ^mask[0], ^mask[1])
	return newPDU(modbus.FuncCodeMaskWriteRegister, append(data, bits...))
}

// readWrite writes registers and reads them back. (APS 6.17)
func readWrite(first int, raw []byte) *pdu {
	n := len(raw) / 2
	data := append(words(first, n, first, n), byte(len(raw)))
	return newPDU(modbus.FuncCodeReadWriteMultipleRegisters, append(data, raw...))
}

// writeCoils switches coils.
func writeCoils(first int, on []bool, multiple bool) *pdu {
	if len(on) == 1 && !multiple {
		state := 0
		if on[0] {
			state = 0xFF00
		}
		return newPDU(modbus.FuncCodeWriteSingleCoil, words(first, state))
	}
	packed := make([]byte, (len(on)+7)/8)
	for i, o := range on {
		if o {
			packed[i/8] |= 1 << (i % 8)
		}
	}
	data := append(words(first, len(on)), byte(len(packed)))
	return newPDU(modbus.FuncCodeWriteMultipleCoils, append(data, packed...))
}

// wellFormed says whether a request is one whose answer can be told from
// noise.
func wellFormed(request *pdu) bool {
	switch request.FunctionCode {
	case reportServerID:
		return len(request.Data) == 0
	case encapsulated:
		return len(request.Data) == 3 && request.Data[0] == identification
	}
	if len(request.Data) < 4 {
		return false
	}
	n := answerLen(request)
	return 0 < n && n <= maxPDU
}

// answerLen is the length in bytes of the answer to a request, its function
// code included; 0 if the function code is none that we know. (APS 6)
func answerLen(request *pdu) int {
	if request.shape != nil {
		return 1 + request.shape.length
	}
	switch request.FunctionCode {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeReadDiscreteInputs:
		return 2 + (quantity(request)+7)/8
	case modbus.FuncCodeReadHoldingRegisters, modbus.FuncCodeReadInputRegisters,
		modbus.FuncCodeReadWriteMultipleRegisters:
		return 2 + 2*quantity(request)
	case modbus.FuncCodeWriteSingleCoil, modbus.FuncCodeWriteSingleRegister,
		modbus.FuncCodeWriteMultipleCoils, modbus.FuncCodeWriteMultipleRegisters:
		return 5
	case modbus.FuncCodeMaskWriteRegister:
		return 7
	case encapsulated:
		return shortestIdentity // as answers go, which say their length themselves
	case reportServerID:
		return 2 // likewise
	}
	return 0
}

// address is the first register or bit of a request; 0 if it says none.
func address(request *pdu) int {
	if len(request.Data) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(request.Data))
}

func quantity(request *pdu) int { return int(binary.BigEndian.Uint16(request.Data[2:])) }

// reads says whether a request changes nothing, so that it can be repeated.
func reads(request *pdu) bool {
	return request.shape == nil && isRead(request.FunctionCode)
}

func isRead(function byte) bool {
	return modbus.FuncCodeReadCoils <= function && function <= modbus.FuncCodeReadInputRegisters
}

// echoes says whether the answer to a request is the request itself.
func echoes(request *pdu) bool {
	if request.shape != nil {
		return request.shape.echo
	}
	switch request.FunctionCode {
	case modbus.FuncCodeWriteSingleCoil, modbus.FuncCodeWriteSingleRegister,
		modbus.FuncCodeMaskWriteRegister:
		return true
	}
	return false
}

// answers says whether a PDU can be the answer to a request. Writes are
// answered by what was written, or where and how much.
func answers(request *pdu, answer *body) bool {
	if isException(request, answer) {
		return true
	}
	if request.shape == nil && request.FunctionCode == encapsulated {
		whole := append([]byte{answer.FunctionCode}, answer.Data...)
		return answer.FunctionCode == encapsulated && identityLen(whole) == len(whole)
	}
	if request.shape == nil && request.FunctionCode == reportServerID {
		return answer.FunctionCode == reportServerID && len(answer.Data) > 0 && int(answer.Data[0]) == len(answer.Data)-1
	}
	if answer.FunctionCode != request.FunctionCode || 1+len(answer.Data) != answerLen(request) {
		return false
	}
	switch {
	case request.shape != nil:
	case request.FunctionCode == modbus.FuncCodeWriteMultipleCoils, request.FunctionCode == modbus.FuncCodeWriteMultipleRegisters:
		return bytes.Equal(answer.Data, request.Data[:4])
	}
	if echoes(request) {
		return bytes.Equal(answer.Data, request.Data)
	}
	if request.shape != nil {
		return true
	}
	return int(answer.Data[0]) == len(answer.Data)-1 // the byte count
}

// isException says whether an answer declines a request.
func isException(request *pdu, answer *body) bool {
	return answer.FunctionCode == request.FunctionCode|failed && len(answer.Data) == 1
}

// newAnswer keeps what an answer says; the PDU may be overwritten.
func newAnswer(request *pdu, a *body, at time.Time) answer {
	if isException(request, a) {
		return answer{at: at, err: Exception(a.Data[0])}
	}
	data := a.Data
	if counted(request) {
		data = data[1:]
	}
	return answer{at: at, data: slices.Clone(data)}
}

// counted says whether the answer to a request begins with a byte count.
func counted(request *pdu) bool {
	if request.shape != nil {
		return false
	}
	switch request.FunctionCode {
	case modbus.FuncCodeReadWriteMultipleRegisters, reportServerID:
		return true
	}
	return reads(request)
}

// bit is one of the bits of an answer to a read of coils.
func bit(packed []byte, i int) bool { return packed[i/8]>>(i%8)&1 != 0 }
