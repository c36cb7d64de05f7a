package modbus

import "errors"

// memory is a device with a thousand places in each table.
type memory struct {
	tables [4][1000]uint16
	broken bool
}

func (m *memory) Read(t Table, address uint16, values []uint16) error {
	if m.broken {
		return errors.New("out of order")
	}
	return Copy(values, m.tables[t][:], 0, address)
}

func (m *memory) Write(t Table, address uint16, values []uint16) error {
	if int(address)+len(values) > len(m.tables[t]) {
		return IllegalDataAddress
	}
	copy(m.tables[t][address:], values)
	return nil
}

func (m *memory) Identity() Identity { return Identity{"fieldmq", "FM-1", "2.0"} }

// filled returns a device whose every value tells its place.
func filled() *memory {
	m := &memory{}
	for i := range 1000 {
		m.tables[Coils][i] = uint16(i) % 3 % 2
		m.tables[DiscreteInputs][i] = uint16(i) % 2
		m.tables[HoldingRegisters][i] = uint16(i)
		m.tables[InputRegisters][i] = uint16(i) + 5000
	}
	return m
}
