package packet

// Connack is a CONNACK packet.
type Connack struct {
	SessionPresent bool
	Reason         Reason // for 3.1.1: of those with a ReturnCode
	Properties     Properties
}

// Decode reads the body of a CONNACK. The return codes of 3.1.1 come as the
// reason codes that mean the same.
func (p *Connack) Decode(v Version, body []byte) error {
	*p = Connack{}
	c := cursor{b: body}
	flags := c.byte()
	if flags > 1 { // [MQTT-3.2.2-1]
		return malformed("reserved flags of a CONNACK")
	}
	p.SessionPresent = flags == 1
	p.Reason = Reason(c.byte())
	if v == V5 {
		p.Properties.decode(&c, CONNACK)
		return c.end()
	}
	reasons := [...]Reason{Success, UnsupportedVersion, ClientIDInvalid, ServerUnavailable, BadUserOrPassword, NotAuthorized}
	if int(p.Reason) >= len(reasons) {
		return malformed("return code %d", byte(p.Reason))
	}
	p.Reason = reasons[p.Reason]
	return c.end()
}

// Append writes the packet behind buf. It writes nothing for a reason that
// 3.1.1 has no return code for.
func (p *Connack) Append(buf []byte, v Version) []byte {
	code := byte(p.Reason)
	if v != V5 {
		var ok bool
		if code, ok = p.Reason.ReturnCode(); !ok {
			return buf
		}
	}
	return appendPacket(buf, byte(CONNACK)<<4, func(buf []byte) []byte {
		var flags byte
		if p.SessionPresent && v != V31 {
			flags = 1
		}
		buf = append(buf, flags, code)
		if v == V5 {
			buf = p.Properties.append(buf)
		}
		return buf
	})
}
