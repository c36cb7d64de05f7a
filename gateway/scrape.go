package gateway

import (
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/gateway/metrics"
	"fieldmq/gateway/poll"
)

// scrape is all figures as Prometheus reads them.
func (g *Gateway) scrape(values bool) string {
	var p metrics.Page
	g.processFigures(&p)
	g.busFigures(&p)
	g.deviceFigures(&p)
	g.brokerFigures(&p)
	g.storeFigures(&p)
	g.upstreamFigures(&p)
	if values {
		g.valueFigures(&p)
	}
	return p.String()
}

func (g *Gateway) processFigures(p *metrics.Page) {
	p.Add("fieldmq_build_info", "The version that runs.", metrics.Gauge, 1, "version", Version(), "goversion", runtime.Version())
	p.Add("fieldmq_start_time_seconds", "When the gateway started, in Unix seconds.", metrics.Gauge, float64(g.figures.began.UnixMilli())/1000)
	if v, err := memory(); err == nil {
		p.Add("fieldmq_memory_bytes", "Memory that the process holds.", metrics.Gauge, float64(v.Int()))
	}
	p.Add("fieldmq_goroutines", "Goroutines of the process.", metrics.Gauge, float64(runtime.NumGoroutine()))
	p.Add("fieldmq_clock_synchronized", "Whether the kernel's clock is kept right.", metrics.Gauge, truth(g.clock.synced()))
	if spent, err := cpuTime(); err == nil {
		p.Add("fieldmq_cpu_seconds_total", "Time of processors that the process took.", metrics.Counter, spent.Seconds())
	}
	last := g.reloaded.Load()
	if last == nil {
		return
	}
	p.Add("fieldmq_config_reload_success", "Whether the last request to read the file again put it into force.", metrics.Gauge, truth(last.OK))
	p.Add("fieldmq_config_reload_timestamp_seconds", "When the file was last read again.", metrics.Gauge, float64(last.Time)/1000)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (g *Gateway) busFigures(p *metrics.Page) {
	loops := g.figures.loops()
	all := map[string]poll.Stats{}
	for name, l := range loops {
		all[name] = l.Stats()
	}
	names := slices.Sorted(maps.Keys(all))
	for _, f := range []struct {
		name, help string
		kind       metrics.Kind
		value      func(poll.Stats) float64
	}{
		{"up", "Whether the bus is open.", metrics.Gauge, func(s poll.Stats) float64 { return truth(s.Open) }},
		{"busy_seconds_total", "Time that exchanges took of the bus.", metrics.Counter, func(s poll.Stats) float64 { return s.Busy.Seconds() }},
		{"polls_total", "Groups of points that were read.", metrics.Counter, func(s poll.Stats) float64 { return float64(s.Polls) }},
		{"polls_missed_total", "Instants of the schedule that passed unserved.", metrics.Counter, func(s poll.Stats) float64 { return float64(s.Missed) }},
		{"writes_total", "Writes to devices.", metrics.Counter, func(s poll.Stats) float64 { return float64(s.Writes) }},
		{"lent_total", "Exchanges of other masters and tools.", metrics.Counter, func(s poll.Stats) float64 { return float64(s.Lent) }},
	} {
		for _, name := range names {
			p.Add("fieldmq_bus_"+f.name, f.help, f.kind, f.value(all[name]), "bus", name)
		}
	}
	for _, name := range names {
		d := all[name].Durations
		p.Histogram("fieldmq_poll_duration_seconds", "How long reads of groups took.", poll.Bounds, d.Below[:], d.Count, d.Sum.Seconds(), "bus", name)
	}
	for _, name := range names {
		done, failed := g.figures.orders(name)
		const help = "Commands that came by MQTT, by what became of them."
		p.Add("fieldmq_commands_total", help, metrics.Counter, float64(done), "bus", name, "result", "done")
		p.Add("fieldmq_commands_total", help, metrics.Counter, float64(failed), "bus", name, "result", "failed")
	}
}

func (g *Gateway) deviceFigures(p *metrics.Page) {
	type row struct {
		bus string
		poll.Health
	}
	var rows []row
	loops := g.figures.loops()
	for _, bus := range slices.Sorted(maps.Keys(loops)) {
		for _, h := range loops[bus].Healths() {
			rows = append(rows, row{bus, h})
		}
	}
	for _, r := range rows {
		p.Add("fieldmq_device_up", "Whether the device answers.", metrics.Gauge, truth(r.Online), "bus", r.bus, "device", r.Device)
	}
	for _, r := range rows {
		const help = "Polls of the device, by whether it answered."
		p.Add("fieldmq_device_polls_total", help, metrics.Counter, float64(r.Answered), "bus", r.bus, "device", r.Device, "result", "answered")
		p.Add("fieldmq_device_polls_total", help, metrics.Counter, float64(r.Failed), "bus", r.bus, "device", r.Device, "result", "failed")
	}
	for _, r := range rows {
		p.Add("fieldmq_device_round_trip_seconds", "How long the last poll with an answer took.", metrics.Gauge, r.RoundTrip.Seconds(), "bus", r.bus, "device", r.Device)
	}
	for _, r := range rows {
		if !r.Heard.IsZero() {
			p.Add("fieldmq_device_last_answer_timestamp_seconds", "When the device last answered, in Unix seconds.", metrics.Gauge, float64(r.Heard.UnixMilli())/1000, "bus", r.bus, "device", r.Device)
		}
	}
}

func (g *Gateway) brokerFigures(p *metrics.Page) {
	c, f := g.server.Census(), g.server.Figures()
	p.Add("fieldmq_mqtt_clients", "Clients of the broker with a session.", metrics.Gauge, float64(c.Connected), "state", "connected")
	p.Add("fieldmq_mqtt_clients", "", metrics.Gauge, float64(c.Clients-c.Connected), "state", "away")
	p.Add("fieldmq_mqtt_subscriptions", "Subscriptions.", metrics.Gauge, float64(c.Subscriptions))
	p.Add("fieldmq_mqtt_retained", "Topics with a retained message.", metrics.Gauge, float64(c.Retained))
	p.Add("fieldmq_mqtt_queued", "Messages that wait for clients.", metrics.Gauge, float64(c.Queued))
	p.Add("fieldmq_mqtt_in_flight", "Messages under way to clients.", metrics.Gauge, float64(c.Flying))
	for _, n := range []struct {
		name, help     string
		received, sent int64
	}{
		{"packets_total", "Control packets of clients.", f.Received.Packets.Load(), f.Sent.Packets.Load()},
		{"messages_total", "PUBLISH packets of clients.", f.Received.Publishes.Load(), f.Sent.Publishes.Load()},
		{"bytes_total", "Bytes of control packets.", f.Received.Bytes.Load(), f.Sent.Bytes.Load()},
	} {
		p.Add("fieldmq_mqtt_"+n.name, n.help, metrics.Counter, float64(n.received), "direction", "received")
		p.Add("fieldmq_mqtt_"+n.name, n.help, metrics.Counter, float64(n.sent), "direction", "sent")
	}
	p.Add("fieldmq_mqtt_dropped_total", "Messages that a full queue or a packet limit lost.", metrics.Counter, float64(f.Dropped.Load()))
	p.Add("fieldmq_mqtt_expired_total", "Messages that waited too long.", metrics.Counter, float64(f.Expired.Load()))
	p.Add("fieldmq_mqtt_connections_total", "Connections of clients that were let in.", metrics.Counter, float64(f.Connections.Load()))
}

func (g *Gateway) storeFigures(p *metrics.Page) {
	s := g.service.store
	if s == nil {
		return
	}
	total, live := s.Size()
	f := s.Figures()
	p.Add("fieldmq_store_bytes", "Size of the store on disk.", metrics.Gauge, float64(total))
	p.Add("fieldmq_store_live_bytes", "Part of it that is still needed.", metrics.Gauge, float64(live))
	p.Add("fieldmq_store_written_bytes_total", "Bytes written to the store.", metrics.Counter, float64(f.Written.Load()))
	p.Add("fieldmq_store_syncs_total", "Times that the store was synced to the disk.", metrics.Counter, float64(f.Syncs.Load()))
	failing := 0.0
	if s.Trouble() != "" {
		failing = 1
	}
	p.Add("fieldmq_store_failing", "1 while what the store must keep is not acknowledged.", metrics.Gauge, failing)
	p.Add("fieldmq_store_refused_total", "Messages that found the store full.", metrics.Counter, float64(f.Refused.Load()))
}

func (g *Gateway) upstreamFigures(p *metrics.Page) {
	bridges := g.figures.upstreamStats()
	names := slices.Sorted(maps.Keys(bridges))
	for _, f := range upstreamFigures {
		name, help, kind := "fieldmq_upstream_"+f.name+"_total", f.help, metrics.Counter
		if f.gauge {
			name, kind = "fieldmq_upstream_"+f.name, metrics.Gauge
		}
		for _, upstream := range names {
			v := f.read(bridges[upstream])
			n := truth(v.Bool())
			if f.name != "connected" {
				n = float64(v.Int())
			}
			if f.name == "dropped" {
				continue // by reason, below
			}
			p.Add(name, help, kind, n, "upstream", upstream)
		}
	}
	for _, upstream := range names {
		p.Add("fieldmq_upstream_received_total", "Messages that came from the upstream and were published.", metrics.Counter, float64(bridges[upstream].Received), "upstream", upstream)
	}
	for _, by := range []struct {
		name, help string
		counts     func(string) map[string]uint64
	}{
		{"fieldmq_upstream_dropped_total", "Messages that were not delivered, by reason.", func(u string) map[string]uint64 { return bridges[u].Dropped }},
		{"fieldmq_upstream_refused_total", "Messages that came and were not published, by reason.", func(u string) map[string]uint64 { return bridges[u].Refused }},
	} {
		for _, upstream := range names {
			counts := by.counts(upstream)
			for _, reason := range slices.Sorted(maps.Keys(counts)) {
				p.Add(by.name, by.help, metrics.Counter, float64(counts[reason]), "upstream", upstream, "reason", reason)
			}
		}
	}
}

// valueFigures are the last values of all devices of this gateway, as their
// states and births have them.
func (g *Gateway) valueFigures(p *metrics.Page) {
	for _, m := range g.server.Retained(births) {
		var birth struct {
			Via    string
			Points []struct{ Name, Unit string }
		}
		if json.Unmarshal(m.Payload, &birth) != nil || birth.Via != g.id {
			continue
		}
		id := strings.Split(m.Topic, "/")[1]
		values := map[string]any{}
		for _, s := range g.server.Retained(mqtt.Filter("device/" + id + "/state")) {
			_ = json.Unmarshal(s.Payload, &values) // one that is none has no values
		}
		for _, point := range birth.Points {
			var value float64
			switch v := values[point.Name].(type) {
			case float64:
				value = v
			case bool:
				value = truth(v)
			default:
				continue
			}
			p.Add("fieldmq_value", "The last value of a point; true is 1.", metrics.Gauge, value, "device", id, "point", point.Name, "unit", point.Unit)
		}
	}
}

// cpuTime is what the process took of the processors.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
