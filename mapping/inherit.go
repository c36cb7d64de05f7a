package mapping

import "fieldmq/broker/mqtt"

// Inherit goes on where another table ends, for the devices that stay as they
// are: what was heard and said of them is known, and is not said again. It
// belongs to the loop, as Messages does; the other table is not used any more.
func (t *Table) Inherit(from *Table, stays func(device string) bool) {
	for id, d := range t.byID {
		before := from.byID[id]
		if before == nil || !stays(id) {
			continue
		}
		d.said = before.said
		for _, p := range d.points {
			old := from.points[p.Point]
			if old == nil && p.formula != nil { // it has no place that could have changed
				old = before.byName[p.Point.Name]
			}
			if old != nil {
				p.heard, p.said = old.heard, old.said
				if p.total != nil && old.total != nil {
					*p.total = *old.total
				}
				if p.formula != nil && old.formula != nil {
					p.formula.own = old.formula.own
				}
			}
		}
	}
}

// Topics are all topics on which a device has retained messages.
func (t *Table) Topics(device string) []string {
	d := t.byID[device]
	if d == nil {
		return nil
	}
	topics := []string{root + d.ID + status, root + d.ID + info, root + d.ID + state, root + d.ID + health}
	for _, p := range d.points {
		topics = append(topics, p.topic)
	}
	return topics
}

// Empty is the messages that take what is retained on topics off a broker.
// [MQTT-3.3.1-6]
func Empty(topics ...string) []mqtt.Message {
	var messages []mqtt.Message
	for _, topic := range topics {
		messages = append(messages, mqtt.Message{Topic: topic, QoS: mqtt.AtLeastOnce, Retain: true})
	}
	return messages
}
