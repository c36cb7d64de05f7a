package broker

import (
	"time"

	"fieldmq/broker/packet"
)

// aliases are the topics that a client knows by a number. The first topics to
// come get one each, and keep it. [MQTT-3.3.2.3.4]
type aliases struct {
	limit   int
	numbers map[string]uint16
}

// apply lets a packet use an alias, and says whether the client has yet to
// learn it.
func (a *aliases) apply(out *packet.Outgoing) (isNew bool) {
	if a.limit == 0 {
		return false
	}
	out.Alias, out.NoTopic = a.numbers[out.Message.Topic], true
	if out.Alias != 0 {
		return false
	}
	out.NoTopic = false
	if len(a.numbers) == a.limit {
		return false
	}
	out.Alias = uint16(len(a.numbers) + 1)
	return true
}

func (a *aliases) learn(topic string, number uint16) {
	if a.numbers == nil {
		a.numbers = map[string]uint16{}
	}
	a.numbers[topic] = number
}

// outcome is what became of a PUBLISH to a client.
type outcome int

const (
	published   outcome = iota
	tooLarge            // for the client: dropped as if delivered [MQTT-3.1.2-25]
	lineWasFull         // to be tried again
)

// publish puts a PUBLISH onto the line, and the delivery in flight, unless it is
// there already (nil). Mine says that the caller is to flush
// it. The session's lock is held.
func (c *conn) publish(out *packet.Outgoing, d *delivery, mine *bool) outcome {
	isNew := c.aliases.apply(out)
	if out.Size(c.version) > c.maxPacket && isNew {
		isNew, out.Alias = false, 0
	}
	if out.Size(c.version) > c.maxPacket {
		return tooLarge
	}
	buf, ok := c.line.begin(true)
	if !ok {
		return lineWasFull
	}
	c.line.sent.publish(len(out.Message.Payload))
	if d != nil && d.qos > 0 {
		c.session.fly(d)
		if d.exact() {
			c.line.promise()
		}
	}
	*mine = c.line.commit(out.Append(buf, c.version))
	if isNew {
		c.aliases.learn(out.Message.Topic, out.Alias)
	}
	return published
}

// repeat sends again what was in flight when the last connection ended. The
// session's lock is held. [MQTT-3.3.1-1]
func (c *conn) repeat(f *flight, now time.Time) outcome {
	if f.released {
		c.line.append(packet.AppendAck(nil, c.version, packet.PUBREL, f.id(), packet.Success), 1)
		return published
	}
	out := packet.Outgoing{
		Message: &f.message.Message, Dup: true, QoS: f.qos, Retain: f.retain, ID: f.id(),
		Expiry: f.message.left(now), SubscriptionIDs: f.ids,
	}
	var mine bool
	done := c.publish(&out, nil, &mine)
	if done == published && c.verbose.Load() {
		c.logSent(out.Message, &f.delivery, f.id(), true)
	}
	return done
}
