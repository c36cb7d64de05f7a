// Package modbus reads and writes devices that speak Modbus: RTU or ASCII over
// a serial line, or through a box on a network that hands bytes on to one, and
// over TCP, UDP and TLS.
//
// It obeys the "MODBUS Application Protocol Specification V1.1b3" (APS in the
// comments), "MODBUS over Serial Line V1.02" (MSL), the "MODBUS Messaging on
// TCP/IP Implementation Guide V1.0b" (MTCP) and the "MODBUS/TCP Security
// Protocol Specification". Registers and coils count from 0, as on the wire.
//
// From the top down: a bus plans the points of a device into few requests
// (plan.go), a link carries requests and answers (link.go): one that knows no
// packets (stream.go, framing.go) or one whose answers have numbers (tcp.go,
// conversation.go), to a peer that is called or dials in (peer.go, door.go).
// The codec turns words into values (codec.go). goburrow/modbus packs the
// frames.
package modbus

import "fieldmq/drivers"

// The drivers, one for each way in which Modbus is carried.
var (
	// RTU is Modbus over a serial line, most often RS-485.
	RTU = drivers.Driver{
		Name: "modbus-rtu",
		Doc:  "Modbus RTU over a serial line, most often RS-485.",
		New:  func() drivers.Settings { return newRTUSettings() },
	}
	// ASCII is the older, readable form of Modbus on a serial line.
	ASCII = drivers.Driver{
		Name: "modbus-ascii",
		Doc:  "Modbus ASCII over a serial line, with 7 data bits and even parity unless told otherwise.",
		New:  func() drivers.Settings { return newASCIISettings() },
	}
	// TCP is Modbus over TCP, to a device or to a box with RTU devices behind it.
	TCP = drivers.Driver{
		Name: "modbus-tcp",
		Doc:  "Modbus TCP, to a device or to a gateway box with devices behind it.",
		New:  func() drivers.Settings { return newTCPSettings() },
	}
	// TLS is Modbus/TCP Security.
	TLS = drivers.Driver{
		Name: "modbus-tls",
		Doc:  "Modbus/TCP Security: Modbus TCP within TLS, where both ends show certificates.",
		New:  func() drivers.Settings { return newTLSSettings() },
	}
	// UDP is the frames of Modbus TCP in datagrams.
	UDP = drivers.Driver{
		Name: "modbus-udp",
		Doc:  "Modbus over UDP: the frames of Modbus TCP, each in a datagram.",
		New:  func() drivers.Settings { return newUDPSettings() },
	}
	// RTUOverTCP is for serial servers, and for modems that dial in.
	RTUOverTCP = drivers.Driver{
		Name: "modbus-rtu-tcp",
		Doc:  "Modbus RTU through a box on the network that hands bytes on to a serial line as they are.",
		New:  func() drivers.Settings { return newStreamSettings(rtuFraming{}) },
	}
	// ASCIIOverTCP is as RTUOverTCP.
	ASCIIOverTCP = drivers.Driver{
		Name: "modbus-ascii-tcp",
		Doc:  "Modbus ASCII through a box on the network that hands bytes on to a serial line as they are.",
		New:  func() drivers.Settings { return newStreamSettings(asciiFraming{}) },
	}
	// RTUOverUDP is as RTUOverTCP.
	RTUOverUDP = drivers.Driver{
		Name: "modbus-rtu-udp",
		Doc:  "Modbus RTU frames in datagrams, to a box on the network with a serial line behind it.",
		New:  func() drivers.Settings { return newRTUOverUDPSettings() },
	}
)
