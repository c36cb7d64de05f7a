// Package modbus reads and writes devices that speak Modbus, over a serial
// line (RTU) or over TCP.
//
// It obeys the "MODBUS Application Protocol Specification V1.1b3" (APS in the
// comments), "MODBUS over Serial Line V1.02" (MSL) and the "MODBUS Messaging
// on TCP/IP Implementation Guide V1.0b" (MTCP). Registers and coils count from
// 0, as on the wire.
//
// From the top down: a bus plans the points of a device into few requests
// (plan.go), a link carries requests and answers (rtu.go, tcp.go), the codec
// turns words into values (codec.go). goburrow/modbus packs the frames.
package modbus

import "fieldmq/drivers"

// RTU is Modbus over a serial line, most often RS-485.
var RTU = drivers.Driver{
	Name: "modbus-rtu",
	Doc:  "Modbus RTU over a serial line, most often RS-485.",
	New:  func() drivers.Settings { return newRTUSettings() },
}

// TCP is Modbus over TCP, to a device or to a box with RTU devices behind it.
var TCP = drivers.Driver{
	Name: "modbus-tcp",
	Doc:  "Modbus TCP, to a device or to a gateway box with devices behind it.",
	New:  func() drivers.Settings { return newTCPSettings() },
}
