package gateway

import (
	"encoding/json"

	"fieldmq/broker/mqtt"
	"fieldmq/mapping"
	"fieldmq/mapping/homeassistant"
)

// former is under which names this gateway told things that are retained. A host
// gets another name, a prefix is changed while nothing runs: what stands under
// the old one would be a gateway that is offline for ever.
type former struct {
	ID     string `json:"id,omitempty"`
	Prefix string `json:"homeassistant,omitempty"` // of discovery
}

const formerKey = "gateway/told"

// former is what was kept of the time before.
func (g *Gateway) former() (f former) {
	_ = json.Unmarshal(g.service.Keeper().Get(formerKey), &f) // nothing is kept, or by another version
	return f
}

// keepFormer keeps what holds now.
func (g *Gateway) keepFormer(f former) {
	if f == g.former() {
		return
	}
	text, _ := json.Marshal(f) // strings can be
	g.complaints.tell(g.log, g.service.Keeper().Put(formerKey, text))
}

// ownWorks are the topics on which a gateway of another name told of itself,
// unless that is a device now.
func (g *Gateway) ownWorks(id string, now map[string]bool) (topics []string) {
	root := "device/" + id + "/"
	if id == "" || id == g.id || now[root+"info"] {
		return nil
	}
	for _, m := range g.server.Retained(mqtt.Filter(root + "#")) {
		topics = append(topics, m.Topic)
	}
	return topics
}

// clearFormerHome takes back what Home Assistant was told in the time before,
// where it is not told the same now.
func (g *Gateway) clearFormerHome(f former, config HomeAssistant) {
	if f.Prefix == "" || config.Enabled && f == (former{g.id, config.Prefix}) {
		return
	}
	ha := &homeassistant.Gateway{ID: f.ID, Prefix: f.Prefix}
	for _, m := range g.server.Retained(mqtt.Filter(ha.Topic("+"))) {
		g.tell(mapping.Empty(m.Topic)...)
	}
}
