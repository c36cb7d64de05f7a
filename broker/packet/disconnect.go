package packet

import "strings"

// leaveReasons are the reason codes of DISCONNECT, authReasons those of AUTH.
// [MQTT-3.14.2-1] [MQTT-3.15.2-1]
const (
	leaveReasons = "\x00\x04\x80\x81\x82\x83\x87\x89\x8b\x8d\x8e\x8f\x90\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2"
	authReasons  = "\x00\x18\x19"
)

// Disconnect is a DISCONNECT or an AUTH packet.
type Disconnect struct {
	Reason     Reason
	Properties Properties
}

// Decode reads a frame of either type. In 3.1.1 a DISCONNECT is empty and
// there is no AUTH.
func (p *Disconnect) Decode(v Version, f Frame) error {
	*p = Disconnect{}
	c := cursor{b: f.Body}
	if v != V5 && f.Type() == AUTH {
		return malformed("AUTH in 3.1.1")
	}
	if v != V5 || len(c.b) == 0 { // [MQTT-3.14.2.1]: without a reason it is normal
		return c.end()
	}
	p.Reason = Reason(c.byte())
	reasons := leaveReasons
	if f.Type() == AUTH {
		reasons = authReasons
	}
	if strings.IndexByte(reasons, byte(p.Reason)) < 0 {
		return protocol("%v with reason code 0x%02X", f.Type(), byte(p.Reason))
	}
	if len(c.b) > 0 {
		p.Properties.decode(&c, f.Type())
	}
	return c.end()
}

// AppendDisconnect writes a DISCONNECT behind buf; to a 3.1.1 client only that
// client itself may send one.
func AppendDisconnect(buf []byte, v Version, r Reason, properties *Properties) []byte {
	return appendShort(buf, DISCONNECT, v, r, properties)
}

// AppendAuth writes an AUTH behind buf.
func AppendAuth(buf []byte, r Reason, properties *Properties) []byte {
	return appendShort(buf, AUTH, V5, r, properties)
}

func appendShort(buf []byte, t Type, v Version, r Reason, properties *Properties) []byte {
	if v != V5 || r == Success && properties == nil {
		return append(buf, byte(t)<<4, 0)
	}
	if properties == nil {
		return append(buf, byte(t)<<4, 1, byte(r))
	}
	return appendPacket(buf, byte(t)<<4, func(buf []byte) []byte {
		return properties.append(append(buf, byte(r)))
	})
}

// AppendPing writes a PINGREQ or a PINGRESP behind buf.
func AppendPing(buf []byte, t Type) []byte { return append(buf, byte(t)<<4, 0) }
