package modbus

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/goburrow/modbus"
)

// pdu is a request or an answer without its frame. (APS 4.1)
type pdu = modbus.ProtocolDataUnit

// maxPDU is the length in bytes of the longest PDU. (APS 4.1)
const maxPDU = 253

// failed is the bit that turns a function code into that of an exception.
const failed = 0x80

// readRequest asks for count registers or bits.
func readRequest(t Table, first, count int) *pdu {
	return &pdu{FunctionCode: tables[t].read, Data: words(first, count)}
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
		return &pdu{FunctionCode: modbus.FuncCodeWriteSingleRegister, Data: append(words(first), raw...)}
	}
	data := append(words(first, len(raw)/2), byte(len(raw)))
	return &pdu{FunctionCode: modbus.FuncCodeWriteMultipleRegisters, Data: append(data, raw...)}
}

// writeCoils switches coils.
func writeCoils(first int, on []bool, multiple bool) *pdu {
	if len(on) == 1 && !multiple {
		state := 0
		if on[0] {
			state = 0xFF00
		}
		return &pdu{FunctionCode: modbus.FuncCodeWriteSingleCoil, Data: words(first, state)}
	}
	packed := make([]byte, (len(on)+7)/8)
	for i, o := range on {
		if o {
			packed[i/8] |= 1 << (i % 8)
		}
	}
	data := append(words(first, len(on)), byte(len(packed)))
	return &pdu{FunctionCode: modbus.FuncCodeWriteMultipleCoils, Data: append(data, packed...)}
}

// wellFormed says whether a request is one whose answer can be told from
// noise.
func wellFormed(request *pdu) bool {
	if len(request.Data) < 4 {
		return false
	}
	n := answerLen(request)
	return 0 < n && n <= maxPDU
}

// answerLen is the length in bytes of the answer to a request, its function
// code included; 0 if the function code is none that we know. (APS 6)
func answerLen(request *pdu) int {
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
	}
	return 0
}

func address(request *pdu) int  { return int(binary.BigEndian.Uint16(request.Data)) }
func quantity(request *pdu) int { return int(binary.BigEndian.Uint16(request.Data[2:])) }

// reads says whether a request changes nothing, so that it can be repeated.
func reads(request *pdu) bool {
	return request.FunctionCode <= modbus.FuncCodeReadInputRegisters
}

// echoes says whether the answer to a request is the request itself.
func echoes(request *pdu) bool {
	switch request.FunctionCode {
	case modbus.FuncCodeWriteSingleCoil, modbus.FuncCodeWriteSingleRegister,
		modbus.FuncCodeMaskWriteRegister:
		return true
	}
	return false
}

// answers says whether a PDU can be the answer to a request. Writes are
// answered by what was written, or where and how much.
func answers(request, answer *pdu) bool {
	if isException(request, answer) {
		return true
	}
	if request.FunctionCode == encapsulated {
		whole := append([]byte{answer.FunctionCode}, answer.Data...)
		return answer.FunctionCode == encapsulated && identityLen(whole) == len(whole)
	}
	if answer.FunctionCode != request.FunctionCode || 1+len(answer.Data) != answerLen(request) {
		return false
	}
	switch request.FunctionCode {
	case modbus.FuncCodeWriteMultipleCoils, modbus.FuncCodeWriteMultipleRegisters:
		return bytes.Equal(answer.Data, request.Data[:4])
	}
	if echoes(request) {
		return bytes.Equal(answer.Data, request.Data)
	}
	return int(answer.Data[0]) == len(answer.Data)-1 // the byte count
}

// isException says whether an answer declines a request.
func isException(request, answer *pdu) bool {
	return answer.FunctionCode == request.FunctionCode|failed && len(answer.Data) == 1
}

// newAnswer keeps what an answer says; the PDU may be overwritten.
func newAnswer(request, a *pdu, at time.Time) answer {
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
	return reads(request) || request.FunctionCode == modbus.FuncCodeReadWriteMultipleRegisters
}

// bit is one of the bits of an answer to a read of coils.
func bit(packed []byte, i int) bool { return packed[i/8]>>(i%8)&1 != 0 }
