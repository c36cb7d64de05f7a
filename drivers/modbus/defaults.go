package modbus

import (
	"time"

	"fieldmq/configs"
)

// Defaults are the keys that a bus hands to its devices.
type Defaults struct {
	// Timeout is how long a device may take to begin its answer; the time
	// on the wire comes on top. Default 500ms on a serial line, 2s on TCP.
	Timeout configs.Duration `yaml:"timeout" check:"min=1ms"`
	// Order is the order of the bytes of a value: ABCD (as the standard has
	// it), CDAB (low word first), BADC (bytes swapped), DCBA (both). Default
	// ABCD.
	Order Order `yaml:"order"`
	// MaxRegisters is the number of registers that the device takes in one
	// request, 1 to 125. Default 125.
	MaxRegisters int `yaml:"max_registers" check:"min=1,max=125"`
	// MaxCoils is the number of coils or discrete inputs that the device
	// takes in one request, 1 to 2000. Default 2000.
	MaxCoils int `yaml:"max_coils" check:"min=1,max=2000"`
}

// The time-outs are long against what devices need, some 5 to 200 ms: to take
// a slow device for a dead one is worse than to wait for a dead one, which is
// asked seldom. Boxes between TCP and a serial line answer for a dead device
// after a second of their own.
const (
	rtuTimeout = 500 * time.Millisecond
	tcpTimeout = 2 * time.Second
)

func newDefaults(timeout time.Duration) Defaults {
	return Defaults{
		Timeout:      configs.Duration(timeout),
		MaxRegisters: maxReadRegisters,
		MaxCoils:     maxReadCoils,
	}
}
