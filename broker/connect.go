package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// maxConnect is the size in bytes of the largest CONNECT that is read: five texts
// of any length and 64 KiB of properties have place.
const maxConnect = 6 << 16

// connect answers CONNECT.
func (c *conn) connect(f packet.Frame) error {
	defer c.endConnect()
	var p packet.Connect
	err := p.Decode(f.Body)
	c.version, c.bridge = p.Version, p.Bridge
	if err == nil && !c.roster.speaks(p.Version) { // [MQTT-3.1.2-2]
		err = packet.Errorf(packet.UnsupportedVersion, "MQTT %d is not for %s", p.Version, c.peer.Listener)
	}
	if err == nil {
		err = c.admit(&p)
	}
	if err == nil {
		err = c.enter(&p)
	}
	if err != nil {
		return c.refuse(&p, err)
	}
	return nil
}

// admit decides whether the client may come in. [MQTT-3.1.4-2]
func (c *conn) admit(p *packet.Connect) error {
	if p.Properties.Has(packet.AuthMethod) { // [MQTT-4.12.0-1]
		return packet.Errorf(packet.BadAuthMethod, "authentication method %.40q", p.Properties.Text(packet.AuthMethod))
	}
	if p.ClientID == "" && (p.Version == packet.V31 || p.Version == packet.V311 && !p.CleanStart) { // 3.1.1 [MQTT-3.1.3-8]
		return packet.Errorf(packet.ClientIDInvalid, "a session that is kept needs a client identifier")
	}
	if p.ClientID == "" && !c.cfg.AllowZeroLengthClientID {
		return packet.Errorf(packet.ClientIDInvalid, "no client identifier")
	}
	c.peer.ClientID, c.peer.User, c.peer.Cert = p.ClientID, p.User, commonName(c.line.conn)
	if r := c.server.Access.Connect(c.peer, p.Password); r != packet.Success {
		return packet.Errorf(r, "user %.40q", p.User)
	}
	if p.Will != nil {
		if err := c.admitWill(&p.Will.Message); err != nil {
			return err
		}
	}
	if !c.roster.seat(c) {
		return packet.Errorf(packet.QuotaExceeded, "%s has all the clients that it may", c.peer.Listener)
	}
	return nil
}

func (c *conn) admitWill(m *mqtt.Message) error {
	if err := c.cfg.supports(m.QoS, m.Retain); err != nil {
		return err
	}
	switch {
	case c.server.oversized(m):
		return packet.Errorf(packet.QuotaExceeded, "will of %d bytes", len(m.Payload))
	case c.server.lies(m):
		return packet.Errorf(packet.PayloadInvalid, "will of %d bytes", len(m.Payload))
	case reserved(m.Topic) || shared(m.Topic) || !c.server.Access.MayPublish(c.peer, m.Topic):
		return packet.Errorf(packet.NotAuthorized, "will on %.80q", m.Topic)
	}
	return nil
}

// BridgeState takes the topics below $SYS that clients may publish to: a bridge of
// mosquitto says there that it is up, and by its will that it is not.
const BridgeState mqtt.Filter = "$SYS/broker/connection/+/state"

// reserved says whether a topic is the server's own to publish to.
// [MQTT-4.7.2.1]
func reserved(topic string) bool {
	return strings.HasPrefix(topic, "$SYS/") && !BridgeState.Match(topic)
}

// shared says whether a topic looks like a shared subscription. Nobody can
// subscribe to it.
func shared(topic string) bool { return strings.HasPrefix(topic, "$share/") }

// enter takes the limits that the client asks for, and its session.
func (c *conn) enter(p *packet.Connect) error {
	ack := packet.Connack{}
	if p.ClientID == "" { // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
		p.ClientID = newClientID()
		ack.Properties.SetText(packet.AssignedClientID, p.ClientID)
	}
	c.peer.ClientID = p.ClientID
	c.agree(p, &ack.Properties)
	c.tellRights(p, &ack)
	if size := len(ack.Append(nil, c.version)); size > c.maxPacket { // all short answers are shorter [MQTT-3.1.2-24]
		return packet.Errorf(packet.TooLarge, "CONNACK of %d bytes, but the client takes %d", size, c.maxPacket)
	}
	e := entry{
		id: p.ClientID, user: c.peer.User, source: c.peer, clean: p.CleanStart, expiry: c.expiry, will: p.Will, holder: c,
		greet: func(s *session, present bool) {
			ack.SessionPresent = present // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
			c.line.append(ack.Append(nil, c.version), 1)
			c.session, c.resumed = s, present
			c.greeted.Store(true)
			s.conn = c
			s.review(c.peer)
			s.inflight.rewind()
		},
	}
	c.server.letFinish(p.ClientID)
	if _, err := c.server.enter(&e); err != nil {
		return err
	}
	if before, ok := e.thrownOut.(*conn); ok {
		// It handles no further packet, once the one at hand is done.
		before.handling.Lock()
		//lint:ignore SA2001 the lock is only waited for
		before.handling.Unlock()
	}
	c.log = c.server.log.With("remote", c.line.conn.RemoteAddr().String(), "client", p.ClientID)
	c.log.Info("client connected", "version", int(c.version), "listener", c.peer.Listener)
	c.reader.SetMax(c.cfg.MaxPacketSize)
	c.reader.SetVersion(c.version)
	if c.keepAlive > 0 {
		c.server.timers.set(&c.watch, c.now.Add(c.keepAlive))
	} else {
		c.server.timers.stop(&c.watch)
	}
	c.settled = true // what waited for the client goes out with CONNACK
	return nil
}

// newClientID is an identifier that no client has, in the form of mosquitto's.
func newClientID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("auto-%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// agree settles limits: the client's are obeyed, the server's are told.
func (c *conn) agree(p *packet.Connect, told *packet.Properties) {
	cfg := c.cfg
	in := &p.Properties
	c.maxPacket = int(min(in.NumberOr(packet.MaximumPacketSize, packet.MaxPacket), packet.MaxPacket))
	c.quota = min(int(in.NumberOr(packet.ReceiveMaximum, 65_535)), cfg.MaxInFlight) // [MQTT-3.1.2-11.3]
	c.aliases.limit = min(int(in.Number(packet.TopicAliasMaximum)), cfg.MaxTopicAliases)
	asked := in.Number(packet.SessionExpiry)
	if p.Version != packet.V5 && !p.CleanStart {
		asked = math.MaxUint32 // kept for ever, as far as the server goes
	}
	c.expiry = cfg.sessionExpiry(asked)
	c.agreeKeepAlive(p, told)
	if p.Version != packet.V5 {
		return
	}
	if c.expiry != seconds(asked) { // [MQTT-3.2.2.3.2]
		told.SetNumber(packet.SessionExpiry, packet.Seconds(c.expiry))
	}
	told.SetNumber(packet.ReceiveMaximum, uint32(cfg.ReceiveMaximum))
	if cfg.MaxQoS < int(mqtt.ExactlyOnce) { // [MQTT-3.2.2-9]
		told.SetNumber(packet.MaximumQoS, uint32(cfg.MaxQoS))
	}
	if !cfg.Retain {
		told.SetNumber(packet.RetainAvailable, 0)
	}
	if cfg.MaxPacketSize < packet.MaxPacket {
		told.SetNumber(packet.MaximumPacketSize, uint32(cfg.MaxPacketSize))
	}
	if cfg.MaxTopicAliases > 0 {
		told.SetNumber(packet.TopicAliasMaximum, uint32(cfg.MaxTopicAliases))
	}
}

// agreeKeepAlive starts the watch over a client's silence: one and a half of
// its keep alive. [MQTT-3.1.2-22] [MQTT-3.2.2-21]
func (c *conn) agreeKeepAlive(p *packet.Connect, told *packet.Properties) {
	keep := time.Duration(p.KeepAlive) * time.Second
	if most := c.cfg.MaxKeepAlive.D(); p.Version == packet.V5 && most > 0 && (keep == 0 || keep > most) {
		keep = most
		told.SetNumber(packet.ServerKeepAlive, packet.Seconds(most))
	}
	c.keepAlive = keep + keep/2
}

// sessionExpiry is how long a session is kept when the client asks for so many
// seconds.
func (c *Config) sessionExpiry(asked uint32) time.Duration {
	return min(seconds(asked), c.MaxSessionExpiry.D())
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// refusalSize is the length in bytes of a CONNACK without properties.
const refusalSize = 5

// refuse answers a CONNECT that failed, where its version has an answer.
// [MQTT-3.1.4-1] [MQTT-3.2.2-7]
func (c *conn) refuse(p *packet.Connect, err error) error {
	var fault *packet.Error
	if !errors.As(err, &fault) {
		return fmt.Errorf("connect: %w", err)
	}
	ack := packet.Connack{Reason: fault.Reason}
	v, most := p.Version, p.Properties.Number(packet.MaximumPacketSize)
	if v != 0 && (most == 0 || most >= refusalSize) { // [MQTT-3.1.2-24]; 0 is a fault itself, or not there
		c.answer(func(buf []byte) []byte { return ack.Append(buf, v) })
	}
	c.refused = true
	c.logger().Info("client refused", "client", p.ClientID, "user", p.User, "reason", fault)
	return fault
}
