package modbus

import (
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
	// Called is the place of what only a call gives; it is no table.
	Called
)

var tables = [...]struct {
	name string
	read byte // the function code
}{
	Coil:     {"coil", modbus.FuncCodeReadCoils},
	Discrete: {"discrete", modbus.FuncCodeReadDiscreteInputs},
	Input:    {"input", modbus.FuncCodeReadInputRegisters},
	Holding:  {"holding", modbus.FuncCodeReadHoldingRegisters},
	Called:   {"call", 0},
}

// String is the table's key in the YAML.
func (t Table) String() string { return tables[t].name }

// Bits says whether the table holds bits, not registers.
func (t Table) Bits() bool { return t == Coil || t == Discrete }

// Writable says whether the table takes writes.
func (t Table) Writable() bool { return t == Coil || t == Holding || t == Called }

// registers is the size of a table.
const registers = 1 << 16

// number reads a decimal number, or a hexadecimal one behind 0x. There are no
// octal numbers: 0100 is 100.
func number(s string) (uint64, error) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return strconv.ParseUint(s[2:], 16, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}
