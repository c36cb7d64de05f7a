// Package all is the list of drivers.
package all

import (
	"strings"

	"fieldmq/drivers"
	"fieldmq/drivers/gpio"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/serial"
)

// Drivers are all there are, in the order of the reference.
var Drivers = []drivers.Driver{
	modbus.RTU,
	modbus.ASCII,
	modbus.TCP,
	modbus.TLS,
	modbus.UDP,
	modbus.RTUOverTCP,
	modbus.ASCIIOverTCP,
	modbus.RTUOverUDP,
	serial.Driver,
	gpio.Driver,
}

// Find is the driver of that name.
func Find(name string) (drivers.Driver, bool) {
	for _, d := range Drivers {
		if d.Name == name {
			return d, true
		}
	}
	return drivers.Driver{}, false
}

// Names are the names of all drivers, for people: "modbus-rtu, modbus-tcp".
func Names() string {
	names := make([]string, len(Drivers))
	for i, d := range Drivers {
		names[i] = d.Name
	}
	return strings.Join(names, ", ")
}
