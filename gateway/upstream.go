package gateway

import (
	"context"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/mapping"
)

// Upstream is a broker elsewhere that the gateway's own is bridged to.
type Upstream struct {
	Name string
	bridge.Config
}

// statuses are the topics on which devices and the gateway are online or not.
const statuses mqtt.Filter = "device/+/status"

// upstream reads the section of one upstream.
func (r *reader) upstream(section configs.Named) {
	u := Upstream{section.Name, bridge.Defaults()}
	section.Decode(&u.Config)
	if u.ClientID == "" {
		u.ClientID = r.config.General.ID
	}
	for _, other := range r.config.Upstreams {
		if other.URL == u.URL && other.ClientID == u.ClientID { // [MQTT-3.1.4-3]
			section.Bad("client_id", "upstream %s is the same client %q of the same broker; they would throw each other out", other.Name, u.ClientID)
		}
	}
	r.config.Upstreams = append(r.config.Upstreams, u)
}

// openBridges makes a bridge for each upstream.
func (g *Gateway) openBridges() {
	id := g.config.General.ID
	for _, u := range g.config.Upstreams {
		g.bridges = append(g.bridges, bridge.New(u.Config, bridge.Identity{
			Gateway:  id,
			Upstream: u.Name,
			Online:   mapping.Status(id, true),
			Offline:  mapping.Status(id, false),
			Statuses: statuses,
		}, g.server, g.log.With("upstream", u.Name)))
	}
	g.figures.bridges = g.bridges
}

// runBridges runs the bridges in the context of the broker. The function that
// it returns lets them say goodbye, and waits for them.
func (g *Gateway) runBridges(serving context.Context) (leave func() error) {
	ctx, cancel := context.WithCancel(serving)
	var group errgroup.Group
	for _, b := range g.bridges {
		group.Go(func() error { return b.Run(ctx) })
	}
	return func() error {
		cancel()
		return group.Wait()
	}
}

// upstreamFigures are points of the gateway: what each bridge produced is what
// it delivered, what waits in its backlog, and what it dropped.
var upstreamFigures = []struct {
	name string
	kind drivers.Kind
	read func(bridge.Stats) drivers.Value
}{
	{"connected", drivers.KindBool, func(s bridge.Stats) drivers.Value { return drivers.Bool(s.Connected) }},
	{"produced", drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(s.Produced) }},
	{"delivered", drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(s.Delivered) }},
	{"backlog", drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(s.Queued) }},
	{"dropped", drivers.KindInt, func(s bridge.Stats) drivers.Value {
		var sum int64
		for _, n := range s.Dropped {
			sum += n
		}
		return drivers.Int(sum)
	}},
}

// upstreams adds the figures of all upstreams.
func (f *figures) upstreams(config *Config, add addFigure) {
	for i, u := range config.Upstreams {
		for _, figure := range upstreamFigures {
			add("upstream_"+u.Name+"_"+figure.name, "", figure.kind, 0, func() (drivers.Value, error) {
				return figure.read(f.bridges[i].Stats()), nil
			})
		}
	}
}
