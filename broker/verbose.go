package broker

import (
	"context"
	"log/slog"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// At the level debug each packet is logged, without payloads and without what
// CONNECT says. The level may be changed while a connection lasts, also for it
// alone; it is asked for once a batch.

// brief is so much of a name as a line of the log has room for: one of 65,535
// bytes fills the pipe that the log goes through.
func brief[T ~string | ~[]byte](name T) string {
	if len(name) > longestLogged {
		return string(name[:longestLogged]) + "..."
	}
	return string(name)
}

const longestLogged = 200 // bytes

func (c *conn) listenLevel() {
	if on := c.log != nil && c.log.Enabled(context.Background(), slog.LevelDebug); on != c.verbose.Load() {
		c.verbose.Store(on)
	}
}

// logReceived tells of a packet that was handled.
func (c *conn) logReceived(f packet.Frame, err error) {
	attrs := []any{"packet", f.Type().String(), "bytes", f.Size()}
	switch f.Type() {
	case packet.PUBLISH:
		in := &c.publishing().in
		topic := in.Topic
		if len(topic) == 0 { // an alias stands for it
			topic, _ = c.resolve(in)
		}
		attrs = append(attrs, "topic", brief(topic), "qos", int(in.QoS), "retain", in.Retain, "dup", in.Dup, "id", int(in.ID))
	case packet.SUBSCRIBE:
		var p packet.Subscribe
		if p.Decode(c.version, f.Body) == nil {
			for _, sub := range p.Subscriptions {
				attrs = append(attrs, "filter", brief(sub.Filter))
			}
		}
	case packet.UNSUBSCRIBE:
		var p packet.Unsubscribe
		if p.Decode(c.version, f.Body) == nil {
			for _, filter := range p.Filters {
				attrs = append(attrs, "filter", brief(filter))
			}
		}
	case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
		var p packet.Ack
		if p.Decode(c.version, f) == nil {
			attrs = append(attrs, "id", int(p.ID), "reason", p.Reason.String())
		}
	}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	c.log.Debug("received", attrs...)
}

// logAnswers tells of the answers that are about to go out.
func (c *conn) logAnswers() {
	for rest := c.answers; len(rest) > 0; {
		f, size, err := packet.Cut(rest, packet.MaxPacket)
		if err != nil || size == 0 {
			return // they are our own
		}
		rest = rest[size:]
		attrs := []any{"packet", f.Type().String(), "bytes", size}
		switch f.Type() {
		case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
			var p packet.Ack
			if p.Decode(c.version, f) == nil {
				attrs = append(attrs, "id", int(p.ID), "reason", p.Reason.String())
			}
		case packet.SUBACK, packet.UNSUBACK:
			var p packet.Suback
			if p.Decode(c.version, f) == nil {
				for _, r := range p.Reasons {
					attrs = append(attrs, "reason", r.String())
				}
			}
		}
		c.log.Debug("sent", attrs...)
	}
}

// logSent tells of a message that is on the line.
func (c *conn) logSent(m *mqtt.Message, d *delivery, id uint16, dup bool) {
	c.log.Debug("sent", "packet", packet.PUBLISH.String(), "topic", brief(m.Topic), "qos", int(d.qos), "retain", d.retain,
		"dup", dup, "id", int(id), "bytes", len(m.Payload))
}
