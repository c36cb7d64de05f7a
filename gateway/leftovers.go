package gateway

import (
	"encoding/json"
	"slices"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/mapping"
)

// births are the topics on which devices say what they are.
const births mqtt.Filter = "device/+/info"

// leftovers take away what this gateway's store still holds of devices and
// points that are configured no more. What there was, their birth certificates
// tell. Only topics below the device's own are touched: others can write such
// certificates, and must not have us clean elsewhere.
func (g *Gateway) leftovers(buses []Bus) []mqtt.Message {
	now := map[string]bool{}
	for _, b := range buses {
		for _, topic := range b.topics() {
			now[topic] = true
		}
	}
	former := g.former().ID
	gone := g.ownWorks(former, now)
	for _, m := range g.server.Retained(births) {
		var birth struct {
			Via    string
			Points []struct{ Topic string }
		}
		if json.Unmarshal(m.Payload, &birth) != nil || birth.Via != g.id && (former == "" || birth.Via != former) {
			continue
		}
		root := strings.TrimSuffix(m.Topic, "info")
		topics := []string{root + "status", m.Topic, root + "state", root + "health"}
		for _, suffix := range []string{shadowDesired, shadowReported, shadowDelta} {
			if topic := strings.TrimSuffix(root, "/") + suffix; !now[m.Topic] {
				topics = append(topics, topic)
			}
		}
		for _, p := range birth.Points {
			if strings.HasPrefix(p.Topic, root) && mqtt.ValidTopic(p.Topic) {
				topics = append(topics, p.Topic)
			}
		}
		gone = append(gone, slices.DeleteFunc(topics, func(t string) bool { return now[t] })...)
	}
	return mapping.Empty(gone...)
}

// topics are those on which the bus's devices have retained messages.
func (b *Bus) topics() []string {
	table, err := b.table()
	if err != nil { // then it does not run either
		return nil
	}
	var topics []string
	for _, d := range b.Devices {
		topics = append(topics, table.Topics(d.ID)...)
	}
	return topics
}

// topics are those of all that runs.
func (g *Gateway) topics() []string {
	var topics []string
	for _, u := range g.units {
		topics = append(topics, u.bus.topics()...)
	}
	return topics
}

// devices are the ids of all that runs.
func (g *Gateway) devices() map[string]bool {
	ids := map[string]bool{}
	for _, u := range g.units {
		for _, d := range u.bus.Devices {
			ids[d.ID] = true
		}
	}
	return ids
}

// tell publishes in the gateway's name.
func (g *Gateway) tell(messages ...mqtt.Message) {
	g.complaints.tell(g.log, g.server.Publish(g.running.serving, messages...))
}
