package broker

import (
	"slices"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// A client of MQTT 5 that shows people what they can do asks for its rights with a
// user property in CONNECT, and has them in CONNACK: one property for each filter
// that it may publish to, none if it may to nothing. Rules that change later do not
// reach it; what holds, each PUBACK says.
var (
	askRights = mqtt.UserProperty{Name: "rights", Value: "publish"}
	knowsAll  = mqtt.UserProperty{Name: "rights", Value: "told"}
)

// mayPublish names the property that holds a filter.
const mayPublish = "publish"

// tellRights adds to the answer what the client may, if it asks and has room for it.
func (c *conn) tellRights(p *packet.Connect, ack *packet.Connack) {
	teller, ok := c.server.Access.(Teller)
	if !ok || p.Version != packet.V5 || !slices.Contains(p.Properties.User, askRights) {
		return
	}
	told := []mqtt.UserProperty{knowsAll}
	for _, f := range teller.Publishable(c.peer) {
		told = append(told, mqtt.UserProperty{Name: mayPublish, Value: string(f)})
	}
	ack.Properties.User = told
	if len(ack.Append(nil, c.version)) > c.maxPacket {
		ack.Properties.User = nil
	}
}
