package bridge

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"fieldmq/broker/bridge/sparkplug"
	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// edge is an edge node of Sparkplug B: what it knows of the gateway's devices, and
// what it has to say of them. It follows what devices say here, and knows no
// connection. One goroutine uses it.
type edge struct {
	group, node, gateway string
	devices              map[string]*edgeDevice // by id; the gateway's own is the node itself
	aliases              uint64                 // given so far
	seq                  int                    // of the next message
	bdSeq                uint64                 // of the connection
	live                 bool                   // births are sent, and data may follow
}

// edgeDevice is a device as its birth certificate here has it.
type edgeDevice struct {
	id     string
	points []*edgePoint
	online bool
	born   bool // on this connection
}

type edgePoint struct {
	name, kind, unit string
	alias            uint64
	value            any // of the last birth or what was told since; nil: there is none
	time             uint64
	past             any // that was told of the past; untold: none since the last birth
}

// untold is no value that a point can have.
type untold struct{}

const spRoot = "spBv1.0/"

// rebirth is the metric by which a host asks for all births again.
const rebirth = "Node Control/Rebirth"

func newEdge(c *Config, gateway string) *edge {
	node := c.Node
	if node == "" {
		node = gateway
	}
	return &edge{group: c.Group, node: node, gateway: gateway, devices: map[string]*edgeDevice{}}
}

// validateSparkplug checks the ids, which are levels of topics, and refuses rules:
// Sparkplug has topics of its own.
func (c *Config) validateSparkplug() (faults []error) {
	ids := []struct{ key, id string }{{"group", c.Group}, {"node", c.Node}, {"primary_host", c.PrimaryHost}}
	if c.Format != formatSparkplug {
		for _, i := range ids {
			if i.id != "" {
				faults = append(faults, configs.Bad(i.key, "is for format: sparkplug"))
			}
		}
		return faults
	}
	if c.Group == "" {
		faults = append(faults, configs.Bad("group", "is missing: the edge node needs the id of its group"))
	}
	for _, i := range ids {
		if strings.ContainsAny(i.id, "+/#") || !mqtt.ValidString(i.id) || len(i.id) > 1000 {
			faults = append(faults, configs.Bad(i.key, "%q is no id: +, / and # cannot stand in it", i.id))
		}
	}
	if len(c.Out) > 0 {
		faults = append(faults, configs.Bad("out", "Sparkplug's topics are its own; leave out out"))
	}
	if len(c.In) > 0 {
		faults = append(faults, configs.Bad("in", "Sparkplug's commands come in by themselves; leave in out"))
	}
	if c.Status == statusDevice {
		faults = append(faults, configs.Bad("status", "Sparkplug has births and deaths of its own; leave status out"))
	}
	return faults
}

// topic is where a kind of message goes, of the node or of a device.
func (e *edge) topic(kind, device string) string {
	topic := spRoot + e.group + "/" + kind + "/" + e.node
	if device != "" {
		topic += "/" + device
	}
	return topic
}

// observe takes in what was said here of what there is, and returns what is to be
// said there. States are taken in by see and tell.
func (e *edge) observe(m mqtt.Message, now time.Time) []mqtt.Message {
	parts := strings.Split(m.Topic, "/")
	if len(parts) != 3 {
		return nil
	}
	switch id := parts[1]; parts[2] {
	case "info":
		return e.info(id, m.Payload, now)
	case "status":
		return e.status(id, string(m.Payload), now)
	}
	return nil
}

// waits says whether what a device says cannot be told yet: it has to be born first.
func (e *edge) waits(id string) bool {
	d := e.devices[id]
	return d != nil && !d.online && id != e.gateway
}

// info is the birth certificate of a device; an empty one ends it.
func (e *edge) info(id string, payload []byte, now time.Time) []mqtt.Message {
	var birth struct {
		Via    string
		Points []struct{ Name, Type, Unit string }
	}
	d := e.devices[id]
	if json.Unmarshal(payload, &birth) != nil || birth.Via != e.gateway {
		if d == nil {
			return nil
		}
		delete(e.devices, id)
		return e.death(d, now)
	}
	next := &edgeDevice{id: id}
	for _, p := range birth.Points {
		point := &edgePoint{name: p.Name, kind: p.Type, unit: p.Unit, past: untold{}}
		if d != nil {
			if old := d.point(p.Name); old != nil && old.kind == p.Type {
				point.alias, point.value, point.time, point.past = old.alias, old.value, old.time, old.past
			}
		}
		if point.alias == 0 {
			e.aliases++
			point.alias = e.aliases
		}
		next.points = append(next.points, point)
	}
	e.devices[id] = next
	if d != nil {
		next.online, next.born = d.online, d.born
	}
	switch {
	case !e.live:
		return nil
	case id == e.gateway:
		return e.births(now) // the node has other metrics now
	case next.online:
		return []mqtt.Message{e.birth(next, now)}
	}
	return nil
}

func (d *edgeDevice) point(name string) *edgePoint {
	for _, p := range d.points {
		if p.name == name {
			return p
		}
	}
	return nil
}

// status is the word of a device that it answers, or that it does not.
func (e *edge) status(id, word string, now time.Time) []mqtt.Message {
	d := e.devices[id]
	if d == nil || id == e.gateway {
		return nil
	}
	d.online = word == "online"
	switch {
	case !d.online:
		return e.death(d, now)
	case e.live && !d.born:
		return []mqtt.Message{e.birth(d, now)}
	}
	return nil
}

// see takes a state in that the next birth tells of.
func (e *edge) see(id string, payload []byte) { e.change(id, payload, false) }

// tell is the data that a state brings to who knows what was told before, if any:
// of now, or of the past. Its device is born, or is the node itself.
func (e *edge) tell(id string, payload []byte, past bool) (m mqtt.Message, news bool) {
	changed, at := e.change(id, payload, past)
	switch {
	case len(changed) == 0:
		return m, false
	case id == e.gateway:
		return e.message("NDATA", "", at, changed), true
	}
	return e.message("DDATA", id, at, changed), true
}

// change takes a state in: the points that have another value by it.
func (e *edge) change(id string, payload []byte, past bool) (changed []sparkplug.Metric, at uint64) {
	d := e.devices[id]
	values, at, err := valuesOf(payload)
	if d == nil || err != nil {
		return nil, 0
	}
	for _, p := range d.points {
		last := &p.value
		if past {
			last = &p.past
		}
		value := p.convert(values[p.name])
		if value == *last {
			continue
		}
		*last = value
		if !past {
			p.time = at
		}
		changed = append(changed, sparkplug.Metric{Alias: p.alias, Aliased: true, Time: at, Value: value, Historical: past})
	}
	return changed, at
}

// valuesOf are the values of a state, and when they were read.
func valuesOf(payload []byte) (values map[string]any, at uint64, err error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, 0, err
	}
	if ts, ok := values["ts"].(json.Number); ok {
		n, _ := ts.Int64()
		at = uint64(max(0, n))
	}
	delete(values, "ts")
	return values, at, nil
}

// convert is a value of JSON in the point's type; nil if it is none.
func (p *edgePoint) convert(v any) any {
	n, isNumber := v.(json.Number)
	switch p.kind {
	case "bool":
		if b, ok := v.(bool); ok {
			return b
		}
	case "text":
		if s, ok := v.(string); ok {
			return s
		}
	case "integer":
		if i, err := n.Int64(); isNumber && err == nil {
			return i
		}
	case "number":
		if f, err := n.Float64(); isNumber && err == nil {
			return f
		}
	}
	return nil
}

func (p *edgePoint) dataType() sparkplug.Type {
	switch p.kind {
	case "bool":
		return sparkplug.Boolean
	case "integer":
		return sparkplug.Int64
	case "number":
		return sparkplug.Double
	}
	return sparkplug.String
}

// message numbers a payload. [tck-id-payloads-sequence-num-incrementing]
func (e *edge) message(kind, device string, at uint64, metrics []sparkplug.Metric) mqtt.Message {
	p := sparkplug.Payload{Time: at, Metrics: metrics, Seq: e.seq}
	e.seq = (e.seq + 1) % 256
	return mqtt.Message{Topic: e.topic(kind, device), Payload: p.Append(nil)}
}

// births says all that there is: the node, and its devices that are online.
// [tck-id-topics-nbirth-seq-num] [tck-id-payloads-name-birth-data-requirement]
func (e *edge) births(now time.Time) []mqtt.Message {
	e.live, e.seq = true, 0
	at := uint64(now.UnixMilli())
	metrics := []sparkplug.Metric{
		{Name: "bdSeq", Time: at, Type: sparkplug.Int64, Value: int64(e.bdSeq)},
		{Name: rebirth, Time: at, Type: sparkplug.Boolean, Value: false}, // never by an alias
	}
	if own := e.devices[e.gateway]; own != nil {
		metrics = append(metrics, own.birth(at)...)
	}
	out := []mqtt.Message{e.message("NBIRTH", "", at, metrics)}
	for _, id := range slices.Sorted(maps.Keys(e.devices)) {
		d := e.devices[id]
		d.born = false
		if d.online && id != e.gateway {
			out = append(out, e.birth(d, now))
		}
	}
	return out
}

// birth says all points of a device, and that it is there.
func (e *edge) birth(d *edgeDevice, now time.Time) mqtt.Message {
	d.born = true
	at := uint64(now.UnixMilli())
	return e.message("DBIRTH", d.id, at, d.birth(at))
}

// birth is all points, of whose past nothing was told yet.
func (d *edgeDevice) birth(at uint64) []sparkplug.Metric {
	var metrics []sparkplug.Metric
	for _, p := range d.points {
		p.past = untold{}
		time := p.time
		if time == 0 {
			time = at
		}
		metrics = append(metrics, sparkplug.Metric{Name: p.name, Alias: p.alias, Aliased: true, Time: time, Type: p.dataType(), Value: p.value, Unit: p.unit})
	}
	return metrics
}

// death says that a device is gone.
func (e *edge) death(d *edgeDevice, now time.Time) []mqtt.Message {
	if !e.live || !d.born {
		return nil
	}
	d.born = false
	return []mqtt.Message{e.message("DDEATH", d.id, uint64(now.UnixMilli()), nil)}
}

// away notes that the connection is gone: nobody is born any more.
func (e *edge) away() {
	e.live = false
	for _, d := range e.devices {
		d.born = false
	}
}

// command is what a host wants: births again, or points to be written here, all
// of a message together.
func (e *edge) command(m mqtt.Message) (again bool, orders []mqtt.Message, err error) {
	p, err := sparkplug.Parse(m.Payload)
	if err != nil {
		return false, nil, err
	}
	id := e.gateway
	if rest, ok := strings.CutPrefix(m.Topic, e.topic("DCMD", "")+"/"); ok {
		id = rest
	}
	d := e.devices[id]
	values := map[string]any{}
	for _, metric := range p.Metrics {
		if metric.Name == rebirth && id == e.gateway {
			again = again || metric.Value == true
			continue
		}
		if point := d.find(&metric); point != nil && metric.Value != nil {
			values[point.name] = metric.Value
		}
	}
	if len(values) == 0 {
		return again, nil, nil
	}
	text, err := json.Marshal(values)
	if err != nil { // an infinite number
		return again, nil, err
	}
	return again, []mqtt.Message{{Topic: "device/" + id + "/set", Payload: text, QoS: mqtt.AtLeastOnce}}, nil
}

// find is the point that a metric is about, by its name or its alias.
func (d *edgeDevice) find(m *sparkplug.Metric) *edgePoint {
	if d == nil {
		return nil
	}
	for _, p := range d.points {
		if m.Name == p.name || m.Name == "" && m.Aliased && m.Alias == p.alias {
			return p
		}
	}
	return nil
}
