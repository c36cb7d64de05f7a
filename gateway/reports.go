package gateway

import (
	"maps"
	"math"
	"slices"
	"time"

	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
	"fieldmq/gateway/poll"
)

// The gateway's works are topics too, retained below device/<gateway>/:
// bus/<name>, upstream/<name> and broker. They are said by exception: when
// something changed that a person would want to see, and at a heartbeat.
const (
	busTopic      = "/bus/"
	upstreamTopic = "/upstream/"
	brokerTopic   = "/broker"

	lookEvery       = 2 * time.Second  // how often it is looked whether something changed
	countEvery      = 10 * time.Second // and how often the broker's clients are counted
	reportHeartbeat = time.Minute
)

// busReport is what a bus does.
type busReport struct {
	Time     int64            `json:"ts"` // Unix milliseconds
	Driver   string           `json:"driver"`
	Place    string           `json:"place"`
	Open     bool             `json:"open"`
	Reason   string           `json:"reason,omitempty"` // why it is not open
	Load     float64          `json:"load"`             // percent of its time
	Wanted   float64          `json:"wanted"`           // polls a second that the schedule asks for
	Achieved float64          `json:"achieved"`
	Polls    int64            `json:"polls"`
	Writes   int64            `json:"writes"`
	Guests   int64            `json:"guests"` // exchanges of other masters and tools
	Missed   int64            `json:"missed"` // polls that fell out
	Errors   map[string]int64 `json:"errors"` // polls with a failed point, by reason
	Devices  []string         `json:"devices"`
}

// upstreamReport is what a bridge does. Produced is delivered, backlog and all
// that was dropped.
type upstreamReport struct {
	Time      int64             `json:"ts"`
	URL       string            `json:"url"`
	Connected bool              `json:"connected"`
	Since     int64             `json:"since,omitempty"`
	Reason    string            `json:"reason,omitempty"` // why it is not connected
	Produced  uint64            `json:"produced"`
	Delivered uint64            `json:"delivered"`
	Backlog   uint64            `json:"backlog"` // messages
	Bytes     int64             `json:"bytes"`   // of them
	MaxBytes  int64             `json:"max_bytes"`
	Oldest    int64             `json:"oldest,omitempty"` // when the first of them came
	Dropped   map[string]uint64 `json:"dropped"`
	Received  int64             `json:"received"`
	Refused   map[string]uint64 `json:"refused"`
	Rate      float64           `json:"delivered_rate"` // messages a second

	Accounts map[string]bridge.Account `json:"accounts"` // of the site's devices, by id
	Others   bridge.Account            `json:"others"`   // what is of none of them; with the accounts it makes the sums
}

// brokerReport is what the gateway's own broker does.
type brokerReport struct {
	Time          int64    `json:"ts"`
	Listeners     []string `json:"listeners"`
	Connected     int      `json:"connected"`
	Sessions      int      `json:"sessions"`
	Subscriptions int      `json:"subscriptions"`
	Retained      int      `json:"retained"`
	Queued        int      `json:"queued"`
	Received      int64    `json:"received"` // messages from clients
	Sent          int64    `json:"sent"`     // messages to clients
	Dropped       int64    `json:"dropped"`
	Store         string   `json:"store,omitempty"` // why what it must keep is not acknowledged
	ReceivedRate  float64  `json:"received_rate"`   // messages a second
	SentRate      float64  `json:"sent_rate"`
	ReceivedBytes float64  `json:"received_bytes_rate"`
	SentBytes     float64  `json:"sent_bytes_rate"`
}

// reporter remembers what was said of the gateway's works. It belongs to the
// goroutine of Gateway.Run.
type reporter struct {
	gateway *Gateway
	buses   map[string]*said[poll.Stats, busReport]
	links   map[string]*said[bridge.Stats, upstreamReport]
	broker  said[volume, brokerReport]
}

// said is a report and the counters behind it.
type said[C, R any] struct {
	at, counted time.Time
	counters    C
	report      R
}

// volume are the counters of a broker.
type volume struct{ received, sent, receivedBytes, sentBytes int64 }

func newReporter(g *Gateway) *reporter {
	return &reporter{gateway: g, buses: map[string]*said[poll.Stats, busReport]{}, links: map[string]*said[bridge.Stats, upstreamReport]{}}
}

// look says what has changed, and takes back what was said of what is gone.
func (r *reporter) look(now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(r.gateway.units)) {
		if key != "" { // else it is the gateway itself
			r.bus(now, r.gateway.units[key])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.gateway.links)) {
		r.link(now, name, r.gateway.links[name])
	}
	r.server(now)
	forget(r, r.buses, busTopic, func(name string) bool { return r.gateway.units[name] != nil })
	forget(r, r.links, upstreamTopic, func(name string) bool { return r.gateway.links[name] != nil })
}

// forget empties the topics of what is there no more.
func forget[S any](r *reporter, all map[string]S, topic string, there func(string) bool) {
	for name := range all {
		if !there(name) {
			delete(all, name)
			r.gateway.tell(mqtt.Message{Topic: r.topic(topic + name), QoS: mqtt.AtLeastOnce, Retain: true})
		}
	}
}

func (r *reporter) topic(suffix string) string { return "device/" + r.gateway.id + suffix }

// tell publishes a report.
func (r *reporter) tell(topic string, report any) {
	m := document(r.topic(topic), report)
	m.Retain, m.Expiry = true, 3*reportHeartbeat
	r.gateway.tell(m)
}

func (r *reporter) bus(now time.Time, u *unit) {
	s := u.loop.Stats()
	last := r.buses[u.bus.key()]
	if last == nil {
		last = &said[poll.Stats, busReport]{counted: now, counters: s}
		r.buses[u.bus.key()] = last
	}
	passed := now.Sub(last.counted)
	report := busReport{
		Time: now.UnixMilli(), Driver: u.bus.Driver, Place: u.bus.Place(), Open: s.Open, Reason: s.Reason,
		Load: tenth(min(100, 100*per(s.Busy-last.counters.Busy, passed)/float64(time.Second))), Wanted: tenth(s.Wanted),
		Achieved: tenth(per(s.Polls-last.counters.Polls, passed)), Polls: s.Polls, Writes: s.Writes, Guests: s.Lent,
		Missed: s.Missed, Errors: notNil(s.Errors), Devices: u.bus.ids(),
	}
	old := &last.report
	changed := report.Open != old.Open || report.Reason != old.Reason || !maps.Equal(report.Errors, old.Errors) ||
		!slices.Equal(report.Devices, old.Devices) || report.Writes != old.Writes || moved(report.Load, old.Load, 5) ||
		moved(report.Achieved, old.Achieved, 0.5)
	if changed || now.Sub(last.at) >= reportHeartbeat {
		last.at, last.report = now, report
		r.tell(busTopic+u.bus.Name, report)
	}
	last.counted, last.counters = now, s
}

func (r *reporter) link(now time.Time, name string, l *link) {
	s := l.bridge.Stats()
	last := r.links[name]
	if last == nil {
		last = &said[bridge.Stats, upstreamReport]{counted: now, counters: s}
		r.links[name] = last
	}
	report := r.upstream(now, name, s, last)
	old := &last.report
	changed := report.Connected != old.Connected || report.Reason != old.Reason || !maps.Equal(report.Dropped, old.Dropped) ||
		!maps.Equal(report.Refused, old.Refused) || moved(report.Rate, old.Rate, 2) || moved(float64(report.Backlog), float64(old.Backlog), 10)
	if changed || now.Sub(last.at) >= reportHeartbeat {
		s, accounts := l.bridge.Audit() // sums of the same instant as the accounts
		report = r.upstream(now, name, s, last)
		report.Accounts, report.Others = r.gateway.config.accounts(s.Account, accounts)
		last.at, last.report = now, report
		r.tell(upstreamTopic+name, report)
	}
	last.counted, last.counters = now, s
}

// upstream is a report without accounts.
func (r *reporter) upstream(now time.Time, name string, s bridge.Stats, last *said[bridge.Stats, upstreamReport]) upstreamReport {
	report := upstreamReport{
		Time: now.UnixMilli(), Connected: s.Connected, Reason: s.Trouble, Produced: s.Produced, Delivered: s.Delivered,
		Backlog: s.Queued, Bytes: s.Bytes, MaxBytes: s.Room, Dropped: notNil(s.Dropped), Received: s.Received, Refused: notNil(s.Refused),
		Rate: tenth(per(int64(s.Delivered-last.counters.Delivered), now.Sub(last.counted))),
	}
	if !s.Since.IsZero() {
		report.Since = s.Since.UnixMilli()
	}
	if !s.Oldest.IsZero() {
		report.Oldest = s.Oldest.UnixMilli()
	}
	if u := r.gateway.config.upstream(name); u != nil {
		report.URL = u.URL
	}
	return report
}

func (r *reporter) server(now time.Time) {
	server, last := r.gateway.server, &r.broker
	if now.Sub(last.counted) < countEvery {
		return
	}
	f, c := server.Figures(), server.Census()
	t := volume{f.Received.Publishes.Load(), f.Sent.Publishes.Load(), f.Received.Bytes.Load(), f.Sent.Bytes.Load()}
	if last.counted.IsZero() {
		last.counted, last.counters = now, t
	}
	passed := now.Sub(last.counted)
	report := brokerReport{
		Time: now.UnixMilli(), Listeners: r.gateway.URLs(), Connected: c.Connected, Sessions: c.Clients,
		Subscriptions: c.Subscriptions, Retained: c.Retained, Queued: c.Queued, Received: t.received, Sent: t.sent, Dropped: f.Dropped.Load(),
		ReceivedRate: tenth(per(t.received-last.counters.received, passed)), SentRate: tenth(per(t.sent-last.counters.sent, passed)),
		ReceivedBytes: math.Round(per(t.receivedBytes-last.counters.receivedBytes, passed)), SentBytes: math.Round(per(t.sentBytes-last.counters.sentBytes, passed)),
	}
	if s := r.gateway.service.store; s != nil {
		report.Store = s.Trouble()
	}
	old := &last.report
	changed := report.Connected != old.Connected || report.Store != old.Store || report.Sessions != old.Sessions || report.Retained != old.Retained || report.Dropped != old.Dropped ||
		moved(report.ReceivedRate, old.ReceivedRate, 5) || moved(report.SentRate, old.SentRate, 5)
	if changed || now.Sub(last.at) >= reportHeartbeat {
		last.at, last.report = now, report
		r.tell(brokerTopic, report)
	}
	last.counted, last.counters = now, t
}

// moved says whether a number is another than before by a good part, or by
// enough to be worth a message where it is small.
func moved(now, before, enough float64) bool {
	return math.Abs(now-before) >= max(enough, 0.2*math.Abs(before))
}

// per is how much it is a second. A counter that began anew counts nothing.
func per[N ~int64](n N, passed time.Duration) float64 {
	if passed <= 0 {
		return 0
	}
	return max(0, float64(n)/passed.Seconds())
}

func tenth(f float64) float64 { return math.Round(10*f) / 10 }

// notNil is an object in JSON, never null.
func notNil[N any](m map[string]N) map[string]N {
	if m == nil {
		return map[string]N{}
	}
	return m
}

// ids are the devices of the bus.
func (b *Bus) ids() []string {
	ids := make([]string, len(b.Devices))
	for i, d := range b.Devices {
		ids[i] = d.ID
	}
	return ids
}

// upstream is the section of that name.
func (c *Config) upstream(name string) *Upstream {
	i := slices.IndexFunc(c.Upstreams, func(u Upstream) bool { return u.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Upstreams[i]
}
