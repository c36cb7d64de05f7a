package modbus

import (
	"fmt"
	"strconv"

	"github.com/goburrow/modbus"
)

// Table is one of the four places where a Modbus device keeps its data.
// (APS 4.3)
type Table uint8

// The tables of a device. Coils and holding registers can be written.
const (
	Coil Table = iota
	Discrete
	Input
	Holding
)

var tables = [...]struct {
	name string
	read byte // the function code
}{
	Coil:     {"coil", modbus.FuncCodeReadCoils},
	Discrete: {"discrete", modbus.FuncCodeReadDiscreteInputs},
	Input:    {"input", modbus.FuncCodeReadInputRegisters},
	Holding:  {"holding", modbus.FuncCodeReadHoldingRegisters},
}

// String is the table's key in the YAML.
func (t Table) String() string { return tables[t].name }

// Bits says whether the table holds bits, not registers.
func (t Table) Bits() bool { return t == Coil || t == Discrete }

// Writable says whether the table takes writes.
func (t Table) Writable() bool { return t == Coil || t == Holding }

// Register is the place of a coil, a discrete input or a register in its
// table, counted from 0.
type Register uint16

// registers is the size of a table.
const registers = 1 << 16

// UnmarshalText reads a number in decimal or hexadecimal notation.
func (r *Register) UnmarshalText(text []byte) error {
	n, err := number(string(text))
	if err != nil || n >= registers {
		return fmt.Errorf("%q is not a register from 0 to 65535 (or 0xFFFF)", text)
	}
	*r = Register(n)
	return nil
}

// MarshalText writes a decimal number.
func (r Register) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(r), 10), nil
}

// number reads a decimal number, or a hexadecimal one behind 0x. There are no
// octal numbers: 0100 is 100.
func number(s string) (uint64, error) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return strconv.ParseUint(s[2:], 16, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}
