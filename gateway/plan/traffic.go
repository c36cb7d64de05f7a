package plan

import (
	"maps"
	"slices"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// traffic is what a device says, in messages.
type traffic struct {
	topics      []string // of the points
	retained    int
	quiet, busy int64 // bytes a day, as in Plan
}

// healthEvery is how often the health of a device goes out.
const healthEvery = time.Minute

// measure has the table say a typical value of each point of a device, and
// counts what goes out.
func measure(table *mapping.Table, d *gateway.Device) traffic {
	var t traffic
	now := time.Now()
	var state mqtt.Message
	heartbeat, every := time.Duration(0), time.Duration(0)
	for _, e := range d.Points {
		now = now.Add(time.Second)
		table.Forget(d.ID)
		// The point's own message comes first, then the state of the device.
		said := table.Messages([]drivers.Sample{{Point: e.Point, Time: now, Value: typical(e)}}, now)
		own := said[0]
		state = said[len(said)-1]
		t.topics = append(t.topics, own.Topic)
		beat := e.Rule.Heartbeat.D()
		t.keep(own)
		t.often(own, e.Every, beat)
		heartbeat, every = shorter(heartbeat, beat), shorter(every, e.Every)
	}
	for _, g := range d.Groups() { // each read of a group is one message
		t.busy += size(state) * perDay(g.Every)
	}
	t.quiet += size(state) * perDay(slowest(every, heartbeat))
	health := mapping.HealthMessage(mapping.Health{Device: d.ID, Online: true, Since: now, RoundTrip: time.Millisecond})
	t.often(health, healthEvery, healthEvery)
	for _, m := range []mqtt.Message{state, health, table.Info(d.ID), mapping.Status(d.ID, true)} {
		t.keep(m)
	}
	return t
}

func (t *traffic) keep(m mqtt.Message) {
	if m.Retain {
		t.retained++
	}
}

// often counts a message that goes out between each poll and each heartbeat.
func (t *traffic) often(m mqtt.Message, every, heartbeat time.Duration) {
	t.busy += size(m) * perDay(every)
	t.quiet += size(m) * perDay(slowest(every, heartbeat))
}

// slowest is how often something goes out that does not change: at heartbeats,
// but only when it is read; zero is never.
func slowest(every, heartbeat time.Duration) time.Duration {
	if heartbeat == 0 {
		return 0
	}
	return max(every, heartbeat)
}

// shorter is the shorter of two spans of which zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

func perDay(every time.Duration) int64 {
	if every <= 0 {
		return 0
	}
	return int64(24 * time.Hour / every)
}

// typical is a value of a point as its device may say it.
func typical(e mapping.Entry) drivers.Value {
	if raws := slices.Sorted(maps.Keys(e.Rule.Enum)); len(raws) > 0 {
		return drivers.Int(raws[0])
	}
	switch e.Point.At.Kind() {
	case drivers.KindBool:
		return drivers.Bool(true)
	case drivers.KindInt, drivers.KindUint:
		return drivers.Int(2301)
	case drivers.KindText:
		return drivers.Text("text of a device")
	}
	return drivers.Float(230.1)
}

// size is the length of a PUBLISH of MQTT 5.0 with its properties: QoS 1, and
// a remaining length of two bytes. [MQTT 5.0, 3.3]
func size(m mqtt.Message) int64 {
	n := 1 + 2 + 2 + len(m.Topic) + 2 + 1 + len(m.Payload)
	if m.UTF8 {
		n += 2
	}
	if m.Expiry > 0 {
		n += 5
	}
	if m.ContentType != "" {
		n += 3 + len(m.ContentType)
	}
	for _, p := range m.UserProperties {
		n += 5 + len(p.Name) + len(p.Value)
	}
	return int64(n)
}
