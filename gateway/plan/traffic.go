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
	topics   []string // of the points
	retained int
	flows    []flow
}

// flow is a message that goes out again and again.
type flow struct {
	message     mqtt.Message
	quiet, busy int64 // times a day, as in Volume
}

// add counts what a flow is in bytes, when its message goes out as this one.
func (v *Volume) add(f flow, as mqtt.Message) {
	v.Quiet += f.quiet * size(as)
	v.Busy += f.busy * size(as)
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
	own := map[string]mqtt.Message{} // by topic
	for _, e := range d.Points {
		now = now.Add(time.Second)
		table.Forget(d.ID)
		// What the point says comes first, then the state of the device.
		said := table.Messages([]drivers.Sample{{Point: e.Point, Time: now, Value: typical(e)}}, now)
		for _, m := range said {
			own[m.Topic] = m
		}
		state = said[len(said)-1]
	}
	topics := table.Topics(d.ID)
	t.topics = topics[len(topics)-len(d.Points)-len(d.Computed):]
	for i, e := range slices.Concat(d.Points, d.Computed) {
		m, said := own[t.topics[i]]
		if !said || e.WriteOnly {
			continue
		}
		beat := e.Rule.Heartbeat.D()
		t.keep(m)
		t.often(m, e.Every, beat)
		heartbeat, every = shorter(heartbeat, beat), shorter(every, e.Every)
	}
	states := flow{message: state, quiet: perDay(slowest(every, heartbeat))}
	for _, g := range d.Groups() { // each read of a group is one message
		states.busy += perDay(g.Every)
	}
	t.flows = append(t.flows, states)
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
	t.flows = append(t.flows, flow{m, perDay(slowest(every, heartbeat)), perDay(every)})
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
	if len(e.Rule.Flags) > 0 {
		return drivers.Int(0)
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

// size is the length of a PUBLISH of MQTT 5.0 with its properties and a remaining
// length of two bytes. [MQTT 5.0, 3.3]
func size(m mqtt.Message) int64 {
	n := 1 + 2 + 2 + len(m.Topic) + 1 + len(m.Payload)
	if m.QoS > 0 {
		n += 2
	}
	if m.UTF8 || m.Bytes {
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
