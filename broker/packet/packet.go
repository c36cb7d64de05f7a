// Package packet is the codec of MQTT control packets, versions 3.1.1 and 5.0,
// in both directions; clients of 3.1, the version before the standard, are read
// too.
//
// A Reader cuts frames out of a stream, many from one read. Decode methods
// read the body of one frame and check all that the standard calls malformed
// or a protocol error in a packet by itself; such a fault is an *Error with its
// reason code. Append functions write whole packets behind a buffer in the
// manner of append. Nothing allocates where a PUBLISH without properties or
// its acknowledgement is read or written.
//
// Numbers in brackets are those of the normative statements of MQTT 5.0.
package packet

// Version is the protocol level of CONNECT.
type Version byte

// The versions spoken.
const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

// Type is the kind of a control packet. [MQTT-2.1.2]
type Type byte

// The control packets.
const (
	CONNECT     Type = 1
	CONNACK     Type = 2
	PUBLISH     Type = 3
	PUBACK      Type = 4
	PUBREC      Type = 5
	PUBREL      Type = 6
	PUBCOMP     Type = 7
	SUBSCRIBE   Type = 8
	SUBACK      Type = 9
	UNSUBSCRIBE Type = 10
	UNSUBACK    Type = 11
	PINGREQ     Type = 12
	PINGRESP    Type = 13
	DISCONNECT  Type = 14
	AUTH        Type = 15
)

var typeNames = [16]string{
	"will", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String is the packet's name as the standard writes it.
func (t Type) String() string { return typeNames[t&15] }

// Frame is one control packet as it stands on the wire. Body belongs to the
// Reader and is valid until its next call.
type Frame struct {
	Header byte // type and flags
	Body   []byte
}

// Size is the length in bytes of the packet, header included.
func (f Frame) Size() int { return 1 + varintSize(len(f.Body)) + len(f.Body) }

// Type is the kind of the packet.
func (f Frame) Type() Type { return Type(f.Header >> 4) }

// checkHeader refuses the reserved type and wrong flags. [MQTT-2.1.3-1]
func checkHeader(h byte, v Version) error {
	switch t, flags := Type(h>>4), h&15; t {
	case 0:
		return malformed("control packet type 0")
	case PUBLISH:
		if flags&6 == 6 { // [MQTT-3.3.1-4]
			return malformed("PUBLISH with QoS 3")
		}
		if flags&14 == 8 { // [MQTT-3.3.1-2]
			return malformed("PUBLISH with DUP and QoS 0")
		}
	case PUBREL, SUBSCRIBE, UNSUBSCRIBE: // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
		if v == V31 {
			flags &^= 8 // may have DUP there
		}
		if flags != 2 {
			return malformed("reserved flags of a %v", t)
		}
	default:
		if h == 0x16 { // a record of TLS begins so
			return malformed("no MQTT, it looks like TLS")
		}
		if flags != 0 {
			return malformed("reserved flags of a %v", t)
		}
	}
	return nil
}
