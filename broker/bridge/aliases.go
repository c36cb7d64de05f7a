package bridge

import "github.com/eclipse/paho.golang/packets"

// aliases shorten topics to numbers on one connection. [MQTT-3.3.2.3.4]
type aliases struct {
	limit uint16
	known map[string]uint16
}

// use replaces the topic of a packet by its alias, or gives it one.
func (a *aliases) use(p *packets.Publish) {
	alias, known := a.known[p.Topic]
	switch {
	case known:
		p.Topic = ""
	case len(a.known) < int(a.limit):
		if a.known == nil {
			a.known = map[string]uint16{}
		}
		alias = uint16(len(a.known) + 1)
		a.known[p.Topic] = alias
	default:
		return
	}
	p.Properties.TopicAlias = &alias
}
