package packet

import (
	"encoding/binary"
	"time"

	"fieldmq/broker/mqtt"
)

// protocolName stands in every CONNECT of both versions. [MQTT-3.1.2-1]
// oldProtocolName is that of 3.1.
const (
	protocolName    = "MQTT"
	oldProtocolName = "MQIsdp"
)

// bridgeBit is set in the protocol version by bridges of mosquitto, which 3.1.1
// gives no way to say that they are one.
const bridgeBit = 0x80

// Flags of CONNECT. [MQTT-3.1.2-3]
const (
	flagReserved   = 1 << 0
	flagClean      = 1 << 1
	flagWill       = 1 << 2
	willQoSShift   = 3
	flagWillRetain = 1 << 5
	flagPassword   = 1 << 6
	flagUser       = 1 << 7
)

// Connect is a CONNECT packet.
type Connect struct {
	Version     Version
	Bridge      bool // of another broker: wants retain flags kept, and nothing back of what it publishes
	CleanStart  bool
	KeepAlive   uint16 // seconds; 0: none
	ClientID    string
	Properties  Properties
	Will        *Will  // nil: none
	User        string // with HasUser
	Password    []byte // with HasPassword
	HasUser     bool
	HasPassword bool
}

// Will is the message that the server publishes for a client that is gone.
type Will struct {
	Message mqtt.Message
	Delay   time.Duration
}

// Decode reads the body of a CONNECT. Version is set as soon as it is known,
// so that a fault can be answered in the client's own version.
func (p *Connect) Decode(body []byte) error {
	*p = Connect{}
	c := cursor{b: body}
	name, level := c.string(), c.byte()
	if c.err != nil {
		return c.err
	}
	if err := p.setVersion(name, level); err != nil {
		return err
	}
	flags := c.byte()
	p.KeepAlive = c.uint16()
	if err := p.checkFlags(flags); err != nil {
		return err
	}
	p.CleanStart = flags&flagClean != 0
	if p.Version == V5 {
		p.Properties.decode(&c, CONNECT)
	}
	p.ClientID = c.string()
	if flags&flagWill != 0 {
		p.Will = decodeWill(&c, p.Version, flags)
	}
	if p.HasUser = flags&flagUser != 0; p.HasUser {
		p.User = c.string()
	}
	if p.HasPassword = flags&flagPassword != 0; p.HasPassword {
		p.Password = c.copied()
	}
	if p.Properties.Has(AuthData) && !p.Properties.Has(AuthMethod) {
		c.fail(protocol("authentication data without a method"))
	}
	return c.end()
}

// setVersion finds out what the client speaks. [MQTT-3.1.2-1] [MQTT-3.1.2-2]
func (p *Connect) setVersion(name string, level byte) error {
	v := Version(level &^ bridgeBit)
	switch {
	case name != protocolName && name != oldProtocolName:
		return Errorf(UnsupportedVersion, "protocol name %.20q", name)
	case name == protocolName && level == byte(V5), name == protocolName && v == V311, name == oldProtocolName && v == V31:
		p.Version, p.Bridge = v, level&bridgeBit != 0
		return nil
	}
	// The answer is one that the client may understand.
	if p.Version = V311; level > byte(V5) {
		p.Version = V5
	}
	return Errorf(UnsupportedVersion, "protocol %s version %d", name, level)
}

func (p *Connect) checkFlags(flags byte) error {
	switch {
	case flags&flagReserved != 0 && p.Version != V31: // [MQTT-3.1.2-3]
		return malformed("reserved connect flag")
	case flags>>willQoSShift&3 == 3: // [MQTT-3.1.2-12]
		return malformed("will QoS 3")
	case flags&flagWill == 0 && flags&(flagWillRetain|3<<willQoSShift) != 0: // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
		return malformed("will flags without a will")
	case p.Version == V311 && flags&(flagUser|flagPassword) == flagPassword: // 3.1.1 [MQTT-3.1.2-22]
		return malformed("password without a user name")
	}
	return nil
}

func decodeWill(c *cursor, v Version, flags byte) *Will {
	w := &Will{}
	var properties Properties
	if v == V5 {
		properties.decode(c, will)
	}
	w.Delay = time.Duration(properties.Number(WillDelay)) * time.Second
	properties.describe(&w.Message)
	w.Message.Topic = c.string()
	w.Message.Payload = c.copied()
	w.Message.QoS = mqtt.QoS(flags >> willQoSShift & 3)
	w.Message.Retain = flags&flagWillRetain != 0
	if c.err == nil && !mqtt.ValidTopic(w.Message.Topic) {
		c.fail(Errorf(TopicInvalid, "will topic"))
	}
	return w
}

// Append writes the packet behind buf.
func (p *Connect) Append(buf []byte) []byte {
	return appendPacket(buf, byte(CONNECT)<<4, p.appendBody)
}

func (p *Connect) appendBody(buf []byte) []byte {
	name, level := protocolName, byte(p.Version)
	if p.Version == V31 {
		name = oldProtocolName
	}
	if p.Bridge {
		level |= bridgeBit
	}
	buf = appendText(buf, name)
	buf = append(buf, level, p.flags())
	buf = binary.BigEndian.AppendUint16(buf, p.KeepAlive)
	if p.Version == V5 {
		buf = p.Properties.append(buf)
	}
	buf = appendText(buf, p.ClientID)
	if p.Will != nil {
		buf = p.Will.append(buf, p.Version)
	}
	if p.HasUser {
		buf = appendText(buf, p.User)
	}
	if p.HasPassword {
		buf = appendText(buf, p.Password)
	}
	return buf
}

func (p *Connect) flags() (flags byte) {
	if p.CleanStart {
		flags |= flagClean
	}
	if p.Will != nil {
		flags |= flagWill | byte(p.Will.Message.QoS)<<willQoSShift
		if p.Will.Message.Retain {
			flags |= flagWillRetain
		}
	}
	if p.HasUser {
		flags |= flagUser
	}
	if p.HasPassword {
		flags |= flagPassword
	}
	return flags
}

func (w *Will) append(buf []byte, v Version) []byte {
	if v == V5 {
		buf = appendSized(buf, func(buf []byte) []byte {
			if w.Delay > 0 {
				buf = append(buf, byte(WillDelay))
				buf = binary.BigEndian.AppendUint32(buf, Seconds(w.Delay))
			}
			return appendDescription(buf, &w.Message, Seconds(w.Message.Expiry))
		})
	}
	buf = appendText(buf, w.Message.Topic)
	return appendText(buf, w.Message.Payload)
}
