package broker

import (
	"slices"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// A client of MQTT 5 that shows people what they can do asks for its rights with
// user properties in CONNECT, and has them in CONNACK: one property for each filter
// that it may publish or subscribe to, none if it may to nothing. Rules that change
// later do not reach it; what holds, each PUBACK and SUBACK says.
const rightsProperty = "rights"

// What is asked for, and the property that holds a filter.
const (
	mayPublish   = "publish"
	maySubscribe = "subscribe"
)

var knowsAll = mqtt.UserProperty{Name: rightsProperty, Value: "told"}

// tellRights adds to the answer what the client may, if it asks and has room for it.
func (c *conn) tellRights(p *packet.Connect, ack *packet.Connack) {
	teller, ok := c.server.Access.(Teller)
	if !ok || p.Version != packet.V5 {
		return
	}
	told := []mqtt.UserProperty{knowsAll}
	for _, what := range []struct {
		name    string
		filters func(*Peer) []mqtt.Filter
	}{{mayPublish, teller.Publishable}, {maySubscribe, teller.Subscribable}} {
		if !slices.Contains(p.Properties.User, mqtt.UserProperty{Name: rightsProperty, Value: what.name}) {
			continue
		}
		for _, f := range what.filters(c.peer) {
			told = append(told, mqtt.UserProperty{Name: what.name, Value: string(f)})
		}
		ack.Properties.User = told
	}
	if ack.Properties.User != nil && len(ack.Append(nil, c.version)) > c.maxPacket {
		ack.Properties.User = nil
	}
}
