package packet

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
	if _, known := reasonTexts[p.Reason]; !known { // [MQTT-3.14.2-1]
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
