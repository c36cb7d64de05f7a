package packet

import (
	"encoding/binary"
	"strings"
)

// ackReasons are the reason codes that a packet may carry. [MQTT-3.4.2-1]
// [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
var ackReasons = [16]string{
	PUBACK:  "\x00\x10\x80\x83\x87\x90\x91\x97\x99",
	PUBREC:  "\x00\x10\x80\x83\x87\x90\x91\x97\x99",
	PUBREL:  "\x00\x92",
	PUBCOMP: "\x00\x92",
}

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP. Properties are checked and
// dropped: they are for people who watch the wire.
type Ack struct {
	ID     uint16
	Reason Reason
}

// Decode reads a frame of one of the four types.
func (p *Ack) Decode(v Version, f Frame) error {
	c := cursor{b: f.Body}
	p.ID, p.Reason = c.id(), Success
	if v != V5 || len(c.b) == 0 { // [MQTT-3.4.2.1]: without a reason it is success
		return c.end()
	}
	t := f.Type()
	p.Reason = Reason(c.byte())
	if strings.IndexByte(ackReasons[t], byte(p.Reason)) < 0 {
		c.fail(protocol("%v with reason code 0x%02X", t, byte(p.Reason)))
	}
	if len(c.b) > 0 {
		var properties Properties
		properties.decode(&c, t)
	}
	return c.end()
}

// AppendAck writes a PUBACK, PUBREC, PUBREL or PUBCOMP behind buf. 3.1.1 knows
// no reasons: they are left out, as success is for 5.0.
func AppendAck(buf []byte, v Version, t Type, id uint16, r Reason) []byte {
	header := byte(t) << 4
	if t == PUBREL {
		header |= 2
	}
	if v != V5 || r == Success {
		return append(buf, header, 2, byte(id>>8), byte(id))
	}
	return append(buf, header, 3, byte(id>>8), byte(id), byte(r))
}

// Suback is a SUBACK or an UNSUBACK: one reason code a filter.
type Suback struct {
	ID         uint16
	Properties Properties
	Reasons    []Reason
}

// Decode reads a frame of either type. An UNSUBACK of 3.1.1 has no reasons.
func (p *Suback) Decode(v Version, f Frame) error {
	*p = Suback{}
	c := cursor{b: f.Body}
	p.ID = c.id()
	if v == V5 {
		p.Properties.decode(&c, f.Type())
	}
	for len(c.b) > 0 {
		p.Reasons = append(p.Reasons, Reason(c.byte()))
	}
	return c.end()
}

// AppendSuback writes a SUBACK or an UNSUBACK behind buf. 3.1.1 knows one
// failure only, 3.1 none, and neither any in an UNSUBACK.
func AppendSuback(buf []byte, v Version, t Type, id uint16, reasons []Reason) []byte {
	return appendPacket(buf, byte(t)<<4, func(buf []byte) []byte {
		buf = binary.BigEndian.AppendUint16(buf, id)
		if v == V5 {
			buf = append(buf, 0)
		} else if t == UNSUBACK {
			return buf
		}
		for _, r := range reasons {
			switch {
			case v == V31 && r.Failed():
				r = Success // which knows no failure: nothing will come
			case v != V5 && r.Failed():
				r = Unspecified // [MQTT-3.9.3-2]
			}
			buf = append(buf, byte(r))
		}
		return buf
	})
}
