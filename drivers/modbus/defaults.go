package modbus

import (
	"time"

	"fieldmq/configs"
)

// Defaults are the keys that a bus hands to its devices.
type Defaults struct {
	// Timeout is how long a device may take to begin its answer; the time
	// on the wire comes on top. Default 500ms on a serial line, 2s on a
	// network.
	Timeout configs.Duration `yaml:"timeout" check:"min=1ms" aka:"response_timeout_ms"`
	// Order is the order of the bytes of a value: ABCD (as the standard has
	// it), CDAB (low word first), BADC (bytes swapped), DCBA (both). Default
	// ABCD.
	Order Order `yaml:"order" aka:"byte_order word_order byteOrder wordOrder swap"`
	// MaxRegisters is the number of registers that the device takes in one
	// request, 1 to 125. Default 125.
	MaxRegisters int `yaml:"max_registers" check:"min=1,max=125" aka:"max_read_registers"`
	// MaxCoils is the number of coils or discrete inputs that the device
	// takes in one request, 1 to 2000. Default 2000.
	MaxCoils int `yaml:"max_coils" check:"min=1,max=2000"`
	// Join reads several points with one request where that takes less time.
	// false: one request a point, for devices that only know that. Default
	// true.
	Join bool `yaml:"join"`
	// Pause is the silence before each request, for devices that need a rest.
	// The 3.5 characters that separate RTU frames are always kept. Default 0s.
	Pause configs.Duration `yaml:"pause" check:"max=1m" aka:"message_wait_milliseconds guard_interval_us pause_between_requests"`
	// UnitPause is the silence before a request to another unit than the last
	// one, for converters that need time to turn to it. Default 0s.
	UnitPause configs.Duration `yaml:"unit_pause" check:"max=1m"`
	// Turnaround is what the device is expected to need before its answer
	// begins. It only shapes requests until the device has answered, and what
	// plan says; then it is measured. Default: 5ms on a serial line, 2ms on a
	// network.
	Turnaround configs.Duration `yaml:"turnaround" check:"max=1m"`
	// InFlight is how many requests may wait for their answers at the same
	// time, 1 to 64: on a bus those of its connection, on a device its own
	// among them. Only Modbus TCP, TLS and UDP have numbers by which answers
	// are told apart, and many devices know only one. Default 1.
	InFlight int `yaml:"in_flight" check:"min=1,max=64"`
}

// Connecting is what a bus keeps to when it gets its line or its connection.
type Connecting struct {
	// ConnectPause is the silence after each new connection, or after the port was
	// opened, for devices that need a moment before they listen: dongles of
	// inverters, boxes between TCP and a serial line. Default 0s.
	ConnectPause configs.Duration `yaml:"connect_pause" check:"max=1m" aka:"delay pause_after_connect"`
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
		Join:         true,
		InFlight:     1,
	}
}

// oneAtATime refuses what a link without numbers cannot do.
func (d *Defaults) oneAtATime() error {
	if d.InFlight > 1 {
		return configs.Bad("in_flight", "%d requests at a time need numbers to tell their answers apart, which RTU and ASCII do not have", d.InFlight)
	}
	return nil
}
