package mapping

import (
	"bytes"
	"strconv"
	"time"

	"fieldmq/broker/mqtt"
)

// stale is the reason of a value that no sample vouched for during its expiry.
const stale = "stale"

// due says whether the shortest heartbeat of the points is nearer to this batch
// than to the next.
func (d *device) due(now time.Time) bool {
	return d.said.IsZero() || d.heartbeat > 0 && now.Sub(d.said) >= d.heartbeat-d.every/2
}

// say is the device's state: {"ts":1795209372123,"voltage":230.1,"pump":true,
// "errors":{"current":"illegal data address"}}. It is flat and in the order of
// the configuration; what is bad is absent and named in errors.
func (d *device) say(now time.Time, s *stamp) mqtt.Message {
	at := d.newest(now)
	b := append(d.buffer[:0], `{"ts":`...)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	for _, p := range d.points {
		if p.trouble(now) == "" && p.known() {
			b = append(b, p.key...)
			b = p.appendValue(b, p.heard.text)
		}
	}
	b = append(d.appendErrors(b, now), '}')
	d.buffer = b
	d.said = now
	return mqtt.Message{
		Topic:          d.topic,
		Payload:        bytes.Clone(b),
		QoS:            d.Reporting.QoS,
		Retain:         d.Reporting.Retain,
		Expiry:         d.expiry,
		UTF8:           true,
		ContentType:    object,
		UserProperties: s.properties(at),
	}
}

func (d *device) appendErrors(b []byte, now time.Time) []byte {
	open := false
	for _, p := range d.points {
		reason := p.trouble(now)
		if reason == "" {
			continue
		}
		key := p.key
		if !open {
			open = true
			b = append(b, `,"errors":{`...)
			key = key[1:] // its comma
		}
		b = append(b, key...)
		b = appendString(b, reason)
	}
	if open {
		b = append(b, '}')
	}
	return b
}

// newest is when the youngest value of the state was on the wire, or the
// youngest refusal if there is no value.
func (d *device) newest(now time.Time) time.Time {
	var good, bad time.Time
	for _, p := range d.points {
		at := &bad
		if p.trouble(now) == "" {
			at = &good
		}
		if p.heard.at.After(*at) {
			*at = p.heard.at
		}
	}
	if good.IsZero() {
		return bad
	}
	return good
}

// trouble is why the point has no value to show; empty too before the first sample.
func (p *point) trouble(now time.Time) string {
	if p.heard.reason == "" && p.known() && p.expiry > 0 && now.Sub(p.heard.at) > p.expiry {
		return stale
	}
	return p.heard.reason
}

// appendValue appends the text of a value as JSON has it.
func (p *point) appendValue(b, value []byte) []byte {
	if p.quoted {
		return appendString(b, string(value))
	}
	return append(b, value...) // bools and numbers read the same
}
