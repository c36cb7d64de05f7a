package gateway

import (
	"maps"

	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
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
	preset, _ := section.Text("preset")
	u := Upstream{section.Name, bridge.For(preset)}
	section.Decode(&u.Config)
	u.CA, u.Cert, u.Key = inDir(r.dir, u.CA), inDir(r.dir, u.Cert), inDir(r.dir, u.Key)
	if u.ClientID == "" {
		u.ClientID = r.config.General.ID
	}
	for _, other := range r.config.Upstreams {
		if other.Address() == u.Address() && other.ClientID == u.ClientID { // [MQTT-3.1.4-3]
			section.Bad("client_id", "upstream %s is the same client %q of the same broker; they would throw each other out", other.Name, u.ClientID)
		}
	}
	r.config.Upstreams = append(r.config.Upstreams, u)
}

// upstreamFigures are points of the gateway: what each bridge produced is what
// it delivered, what waits in its backlog, and what it dropped.
var upstreamFigures = []struct {
	name  string
	help  string
	gauge bool // or it rises
	kind  drivers.Kind
	read  func(bridge.Stats) drivers.Value
}{
	{"connected", "Whether the upstream is connected.", true, drivers.KindBool, func(s bridge.Stats) drivers.Value { return drivers.Bool(s.Connected) }},
	{"session", "Number of the last connection.", false, drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(s.Session) }},
	{"produced", "Messages that the rules took.", false, drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(int64(s.Produced)) }},
	{"delivered", "Messages that the upstream acknowledged.", false, drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(int64(s.Delivered)) }},
	{"backlog", "Messages that wait, or are under way.", true, drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(int64(s.Queued)) }},
	{"backlog_bytes", "Bytes that wait for the upstream.", true, drivers.KindInt, func(s bridge.Stats) drivers.Value { return drivers.Int(s.Bytes) }},
	{"dropped", "", false, drivers.KindInt, func(s bridge.Stats) drivers.Value {
		return drivers.Int(int64(s.Lost()))
	}},
}

// upstreams adds the figures of all upstreams.
func (f *figures) upstreams(config *Config, add addFigure) {
	for _, u := range config.Upstreams {
		for _, figure := range upstreamFigures {
			add("upstream_"+u.Name+"_"+figure.name, "", figure.kind, 0, func() (drivers.Value, error) {
				return figure.read(f.stats(u.Name)), nil
			})
		}
	}
}

// bridge adds the bridge of an upstream, whose figures are read from now on;
// nil: it is gone.
func (f *figures) bridge(upstream string, b *bridge.Bridge) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b == nil {
		delete(f.bridges, upstream)
		return
	}
	f.bridges[upstream] = b
}

// sessionNumbers are those of the gateway's connections by upstream, as its status
// bears them there; none for other devices.
func (g *Gateway) sessionNumbers(device string) map[string]int64 {
	if device != g.id {
		return nil
	}
	numbers := map[string]int64{}
	for name, s := range g.figures.upstreamStats() {
		if s.Session > 0 {
			numbers[name] = s.Session
		}
	}
	return numbers
}

// upstreamStats are the figures of all upstreams.
func (f *figures) upstreamStats() map[string]bridge.Stats {
	f.mu.Lock()
	bridges := maps.Clone(f.bridges)
	f.mu.Unlock()
	all := map[string]bridge.Stats{}
	for name, b := range bridges {
		all[name] = b.Stats()
	}
	return all
}

// allBridges are those that are open, by upstream.
func (f *figures) allBridges() map[string]*bridge.Bridge {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.bridges)
}

// stats are those of an upstream; all zero before it has begun.
func (f *figures) stats(upstream string) bridge.Stats {
	f.mu.Lock()
	b := f.bridges[upstream]
	f.mu.Unlock()
	if b == nil {
		return bridge.Stats{}
	}
	return b.Stats()
}
