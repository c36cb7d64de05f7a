package modbus

import (
	"encoding/binary"
	"errors"
)

// Function codes. MAP section 5.1
const (
	readCoils          = 1
	readDiscreteInputs = 2
	readHolding        = 3
	readInput          = 4
	writeCoil          = 5
	writeRegister      = 6
	writeCoils         = 15
	writeRegisters     = 16
	reportServerID     = 17
	maskRegister       = 22
	readWriteRegisters = 23
	encapsulated       = 43
)

// Quantity limits, which keep a PDU within 253 bytes. MAP section 6
const (
	maxReadBits       = 2000
	maxReadRegisters  = 125
	maxWriteBits      = 1968
	maxWriteRegisters = 123
	maxExchanged      = 121 // registers written by function code 23
	maxPDU            = 253
)

// perform carries out a request and returns the answer, both as PDUs.
func perform(d Device, pdu []byte) []byte {
	if len(pdu) == 0 {
		return nil
	}
	answer, err := dispatch(d, pdu[0], pdu[1:])
	if err != nil {
		return refusal(pdu[0], err)
	}
	return append([]byte{pdu[0]}, answer...)
}

// refusal is the PDU of an exception. MAP section 7
func refusal(function byte, err error) []byte {
	code := ServerDeviceFailure
	errors.As(err, &code)
	return []byte{function | 0x80, byte(code)}
}

// dispatch returns the data of the answer to the data of a request.
func dispatch(d Device, function byte, data []byte) ([]byte, error) {
	if c, ok := d.(Caller); ok {
		if answer, ok := c.Call(function, data); ok {
			return answer, nil
		}
	}
	switch function {
	case readCoils:
		return readBits(d, Coils, data)
	case readDiscreteInputs:
		return readBits(d, DiscreteInputs, data)
	case readHolding:
		return readRegisters(d, HoldingRegisters, data)
	case readInput:
		return readRegisters(d, InputRegisters, data)
	case writeCoil:
		return writeOneBit(d, data)
	case writeRegister:
		return writeOneRegister(d, data)
	case writeCoils:
		return writeManyBits(d, data)
	case writeRegisters:
		return writeManyRegisters(d, data)
	case reportServerID:
		return serverID(d, data)
	case maskRegister:
		return mask(d, data)
	case readWriteRegisters:
		return exchange(d, data)
	case encapsulated:
		return identify(d, data)
	}
	return nil, IllegalFunction
}

// span reads address and quantity and checks them in the order of the
// specification's state diagrams: quantity first, then the address range.
func span(data []byte, limit int) (address uint16, quantity int, err error) {
	address, quantity = word(data), int(word(data[2:]))
	if quantity < 1 || quantity > limit {
		return 0, 0, IllegalDataValue
	}
	if int(address)+quantity > 1<<16 {
		return 0, 0, IllegalDataAddress
	}
	return address, quantity, nil
}

func readBits(d Device, t Table, data []byte) ([]byte, error) {
	if len(data) != 4 {
		return nil, IllegalDataValue
	}
	address, quantity, err := span(data, maxReadBits)
	if err != nil {
		return nil, err
	}
	values := make([]uint16, quantity)
	if err := d.Read(t, address, values); err != nil {
		return nil, err
	}
	return packBits(values), nil
}

// packBits is a byte count and the bits, the first one lowest.
func packBits(values []uint16) []byte {
	n := (len(values) + 7) / 8
	answer := make([]byte, 1+n)
	answer[0] = byte(n)
	for i, v := range values {
		if v != 0 {
			answer[1+i/8] |= 1 << (i % 8)
		}
	}
	return answer
}

func readRegisters(d Device, t Table, data []byte) ([]byte, error) {
	if len(data) != 4 {
		return nil, IllegalDataValue
	}
	address, quantity, err := span(data, maxReadRegisters)
	if err != nil {
		return nil, err
	}
	return readWords(d, t, address, quantity)
}

// readWords is a byte count and the registers.
func readWords(d Device, t Table, address uint16, quantity int) ([]byte, error) {
	values := make([]uint16, quantity)
	if err := d.Read(t, address, values); err != nil {
		return nil, err
	}
	answer := []byte{byte(2 * quantity)}
	for _, v := range values {
		answer = binary.BigEndian.AppendUint16(answer, v)
	}
	return answer, nil
}

// writeOneBit knows FF00 as on and 0000 as off, nothing else. MAP section 6.5
func writeOneBit(d Device, data []byte) ([]byte, error) {
	if len(data) != 4 {
		return nil, IllegalDataValue
	}
	value := word(data[2:])
	if value != 0 && value != 0xFF00 {
		return nil, IllegalDataValue
	}
	return data, d.Write(Coils, word(data), []uint16{value >> 15})
}

func writeOneRegister(d Device, data []byte) ([]byte, error) {
	if len(data) != 4 {
		return nil, IllegalDataValue
	}
	return data, d.Write(HoldingRegisters, word(data), []uint16{word(data[2:])})
}

func writeManyBits(d Device, data []byte) ([]byte, error) {
	if len(data) < 5 {
		return nil, IllegalDataValue
	}
	address, quantity, err := span(data, maxWriteBits)
	if err != nil {
		return nil, err
	}
	bits, err := counted(data[4:], (quantity+7)/8)
	if err != nil {
		return nil, err
	}
	values := make([]uint16, quantity)
	for i := range values {
		values[i] = uint16(bits[i/8]>>(i%8)) & 1
	}
	return data[:4], d.Write(Coils, address, values)
}

func writeManyRegisters(d Device, data []byte) ([]byte, error) {
	if len(data) < 5 {
		return nil, IllegalDataValue
	}
	address, quantity, err := span(data, maxWriteRegisters)
	if err != nil {
		return nil, err
	}
	values, err := countedWords(data[4:], quantity)
	if err != nil {
		return nil, err
	}
	return data[:4], d.Write(HoldingRegisters, address, values)
}

// mask sets a register to (old AND and) OR (or AND NOT and). MAP section 6.16
func mask(d Device, data []byte) ([]byte, error) {
	if len(data) != 6 {
		return nil, IllegalDataValue
	}
	address, and, or := word(data), word(data[2:]), word(data[4:])
	value := []uint16{0}
	if err := d.Read(HoldingRegisters, address, value); err != nil {
		return nil, err
	}
	value[0] = value[0]&and | or&^and
	return data, d.Write(HoldingRegisters, address, value)
}

// exchange writes first and reads then. MAP section 6.17
func exchange(d Device, data []byte) ([]byte, error) {
	if len(data) < 9 {
		return nil, IllegalDataValue
	}
	from, quantity, err := span(data, maxReadRegisters)
	if err != nil {
		return nil, err
	}
	to, count, err := span(data[4:], maxExchanged)
	if err != nil {
		return nil, err
	}
	values, err := countedWords(data[8:], count)
	if err != nil {
		return nil, err
	}
	// Nothing may be written if the read is refused.
	if err := d.Read(HoldingRegisters, from, make([]uint16, quantity)); err != nil {
		return nil, err
	}
	if err := d.Write(HoldingRegisters, to, values); err != nil {
		return nil, err
	}
	return readWords(d, HoldingRegisters, from, quantity)
}

// counted returns the n bytes that follow their count.
func counted(data []byte, n int) ([]byte, error) {
	if int(data[0]) != n || len(data) != 1+n {
		return nil, IllegalDataValue
	}
	return data[1:], nil
}

func countedWords(data []byte, n int) ([]uint16, error) {
	b, err := counted(data, 2*n)
	if err != nil {
		return nil, err
	}
	values := make([]uint16, n)
	for i := range values {
		values[i] = word(b[2*i:])
	}
	return values, nil
}

func word(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
