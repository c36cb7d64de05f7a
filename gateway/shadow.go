package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
)

// shadows keep what was last wanted of devices, and see to it that they get it,
// whenever they can be reached: over outages of devices and restarts of the
// gateway. They speak the gateway's own topics, so that a shadow can do nothing
// that a client could not. One goroutine owns them.
//
// A value that is wanted is written until the device has taken it. What changes it
// later, at the device or by a command, is shown in the delta and not fought.
type shadows struct {
	gateway string
	server  publisher
	keeper  Keeper
	log     *slog.Logger
	devices map[string]*shadow

	complain func(error)                                                // of what cannot be published
	judge    func(ctx context.Context, device string, set []byte) error // why a device would not be told that
}

// publisher is what shadows ask of the broker.
type publisher interface {
	Publish(context.Context, ...mqtt.Message) error
}

// shadow is that of one device.
type shadow struct {
	shadowDocument
	id       string
	points   map[string]shadowPoint // of its birth certificate
	reported map[string]any         // as far as it was read; see values
	unread   []byte                 // the last state, if nobody has asked for its values
	online   bool
	asked    string               // the point whose write is under way; empty: none
	since    time.Time            // when it was asked
	said     [3]string            // documents as they were published
	retry    map[string]time.Time // points that are not to be tried before
}

// shadowDocument is what is kept of a shadow.
type shadowDocument struct {
	Version int64    `json:"version"` // of desired, rises with each change
	Desired members  `json:"desired"`
	Pending []string `json:"pending,omitempty"` // not taken by the device yet
	Time    int64    `json:"ts"`
}

type shadowPoint struct {
	Name     string
	Writable bool
	Min, Max *float64
}

// Topics below device/<id>.
const (
	shadowUpdate   = "/shadow/update"
	shadowGet      = "/shadow/get"
	shadowDesired  = "/shadow/desired"
	shadowReported = "/shadow/reported"
	shadowDelta    = "/shadow/delta"
)

const (
	shadowRetry    = 30 * time.Second // after a write that failed
	shadowPatience = 2 * time.Minute  // for the answer to one
	shadowLook     = time.Second
	mostDesired    = 200 // points of a shadow
)

// runShadows serves the shadows of all devices until ctx ends.
func (g *Gateway) runShadows(ctx context.Context) error {
	log := g.log.With("part", "shadow")
	s := &shadows{gateway: g.id, server: g.server, keeper: g.service.Keeper(), log: log, devices: map[string]*shadow{}}
	s.judge = g.judge
	s.complain = func(err error) { g.complaints.tell(log, err) }
	messages := make(chan mqtt.Message)
	heard := g.server.Subscribe(ctx, "device/+/info", "device/+/status", "device/+/state",
		"device/+"+shadowUpdate, "device/+"+shadowGet, mqtt.Filter(s.replies("+")))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range heard {
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	tick := time.NewTicker(shadowLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			<-done
			return nil
		case m := <-messages:
			s.hear(ctx, m, time.Now())
		case now := <-tick.C:
			for _, d := range s.devices {
				s.pursue(ctx, d, now)
			}
		}
	}
}

// replies is where a device answers to what a shadow has asked of it.
func (s *shadows) replies(device string) string {
	return "device/" + s.gateway + "/reply/shadow/" + device
}

// hear takes in what was said here.
func (s *shadows) hear(ctx context.Context, m mqtt.Message, now time.Time) {
	if id, ok := strings.CutPrefix(m.Topic, s.replies("")); ok {
		s.answered(ctx, id, m.Payload, now)
		return
	}
	rest, _ := strings.CutPrefix(m.Topic, "device/")
	id, _, _ := strings.Cut(rest, "/")
	suffix := strings.TrimPrefix(rest, id)
	if suffix == "/info" {
		s.info(ctx, id, m.Payload, now)
		return
	}
	d := s.devices[id]
	if d == nil {
		return
	}
	switch suffix {
	case "/status":
		d.online = string(m.Payload) == "online"
		if d.online {
			clear(d.retry) // it is there again: no waiting
		}
	case "/state":
		d.report(m.Payload)
		s.tell(ctx, d, now)
	case shadowUpdate:
		a := shadowAnswer{Code: 400, Message: "a retained update is not carried out", Version: d.Version}
		if !m.Retain {
			a = s.update(ctx, d, m.Payload, now)
		}
		s.answer(ctx, m, shadowUpdate, a)
	case shadowGet:
		s.answer(ctx, m, shadowGet, d.whole())
	}
	s.pursue(ctx, d, now)
}

// info is the birth certificate of a device; an empty one ends its shadow.
func (s *shadows) info(ctx context.Context, id string, payload []byte, now time.Time) {
	var birth struct {
		Via    string
		Points []shadowPoint
	}
	d := s.devices[id]
	if json.Unmarshal(payload, &birth) != nil || birth.Via != s.gateway {
		if d != nil && len(payload) == 0 {
			s.forget(ctx, d)
		}
		return
	}
	if d == nil {
		d = &shadow{id: id, reported: map[string]any{}, retry: map[string]time.Time{}}
		if err := json.Unmarshal(s.keeper.Get("shadow/"+id), &d.shadowDocument); err != nil || d.Desired == nil {
			d.Desired = map[string]any{}
		}
		s.devices[id] = d
	}
	d.points = map[string]shadowPoint{}
	for _, p := range birth.Points {
		d.points[p.Name] = p
	}
	for name := range d.Desired {
		if !d.points[name].Writable { // it is configured no more
			delete(d.Desired, name)
			d.Pending = slices.DeleteFunc(d.Pending, func(p string) bool { return p == name })
		}
	}
	s.tell(ctx, d, now)
}

// forget ends a shadow, and takes its documents away.
func (s *shadows) forget(ctx context.Context, d *shadow) {
	delete(s.devices, d.id)
	_ = s.keeper.Put("shadow/"+d.id, nil) // what is left is of a device that is not
	for i, suffix := range []string{shadowDesired, shadowReported, shadowDelta} {
		if d.said[i] != "" {
			s.publish(ctx, mqtt.Message{Topic: "device/" + d.id + suffix, QoS: mqtt.AtLeastOnce, Retain: true})
		}
	}
}

// report takes a state. Of most devices nothing is ever wanted, and theirs are not
// read.
func (d *shadow) report(payload []byte) { d.unread = payload }

// values are those of the points that can be wanted.
func (d *shadow) values() map[string]any {
	var state members
	if d.unread != nil && json.Unmarshal(d.unread, &state) == nil {
		for name, p := range d.points {
			if v, there := state[name]; there && p.Writable {
				d.reported[name] = v
			}
		}
	}
	d.unread = nil
	return d.reported
}

// shadowAnswer is what becomes of an update, in the manner of HTTP's codes.
type shadowAnswer struct {
	Code        int    `json:"code"`
	Message     string `json:"message,omitempty"`
	Version     int64  `json:"version"`
	ClientToken string `json:"clientToken,omitempty"`
}

// update changes what is wanted:
// {"state":{"desired":{"setpoint":60,"pump":null}},"version":3}. Null wants it no
// more. A version, where there is one, must be the present one.
func (s *shadows) update(ctx context.Context, d *shadow, payload []byte, now time.Time) shadowAnswer {
	var u struct {
		State       struct{ Desired members }
		Version     *int64
		ClientToken string
	}
	no := func(code int, message string) shadowAnswer {
		return shadowAnswer{code, message, d.Version, u.ClientToken}
	}
	if len(payload) > 64<<10 {
		u.ClientToken = ""
		return no(413, "the document is larger than 64 KiB")
	}
	if err := json.Unmarshal(payload, &u); err != nil || len(u.State.Desired) == 0 {
		return no(400, `write {"state":{"desired":{"point":value}}}`)
	}
	if len(u.ClientToken) > 64 {
		u.ClientToken = ""
		return no(400, "clientToken is longer than 64 bytes")
	}
	if u.Version != nil && *u.Version != d.Version {
		return no(409, "version conflict")
	}
	for _, name := range slices.Sorted(maps.Keys(u.State.Desired)) {
		value := u.State.Desired[name]
		if text := d.refuse(name, value); text != "" {
			return no(400, name+": "+text)
		}
		if set, err := json.Marshal(map[string]any{name: value}); err == nil && value != nil && s.judge != nil {
			if err := s.judge(ctx, d.id, set); err != nil {
				return no(400, err.Error())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.State.Desired)) {
		d.want(name, u.State.Desired[name])
	}
	d.Version++
	s.keep(d, now)
	s.tell(ctx, d, now)
	return shadowAnswer{Code: 200, Version: d.Version, ClientToken: u.ClientToken}
}

// refuse says why a value cannot be wanted of any device.
func (d *shadow) refuse(name string, value any) string {
	p, known := d.points[name]
	n, isNumber := value.(float64)
	if digits, ok := value.(json.Number); ok {
		n, _ = digits.Float64() // it has been read as one
		isNumber = true
	}
	switch {
	case !known:
		return "there is no such point"
	case !p.Writable:
		return "read-only point"
	case isNumber && p.Max != nil && n > *p.Max:
		return "above the maximum"
	case isNumber && p.Min != nil && n < *p.Min:
		return "below the minimum"
	case len(d.Desired) >= mostDesired:
		return "too many points are wanted"
	}
	switch value.(type) {
	case map[string]any, []any:
		return "a value is a number, a text, true or false"
	}
	return ""
}

// want notes one value.
func (d *shadow) want(name string, value any) {
	delete(d.retry, name)
	d.Pending = slices.DeleteFunc(d.Pending, func(p string) bool { return p == name })
	if value == nil {
		delete(d.Desired, name)
		return
	}
	d.Desired[name] = value
	if !reflect.DeepEqual(d.values()[name], value) {
		d.Pending = append(d.Pending, name)
	}
}

// pursue writes the next value that the device has not taken yet.
func (s *shadows) pursue(ctx context.Context, d *shadow, now time.Time) {
	next := slices.IndexFunc(d.Pending, func(name string) bool { return !now.Before(d.retry[name]) })
	if d.asked != "" && now.Sub(d.since) < shadowPatience || !d.online || next < 0 {
		return
	}
	d.asked, d.since = d.Pending[next], now
	text, err := json.Marshal(map[string]any{d.asked: d.Desired[d.asked]})
	if err != nil {
		return
	}
	s.publish(ctx, mqtt.Message{Topic: "device/" + d.id + "/set", Payload: text, QoS: mqtt.AtLeastOnce, ResponseTopic: s.replies(d.id), Expiry: shadowPatience})
}

// answered is the answer to a write.
func (s *shadows) answered(ctx context.Context, id string, payload []byte, now time.Time) {
	d := s.devices[id]
	var a struct {
		OK     bool
		Values members
		Error  string
	}
	if d == nil || d.asked == "" || json.Unmarshal(payload, &a) != nil {
		return
	}
	name := d.asked
	d.asked = ""
	if !a.OK {
		d.retry[name] = now.Add(shadowRetry)
		if n := slices.Index(d.Pending, name); n >= 0 { // its neighbours do not wait for it
			d.Pending = append(slices.Delete(d.Pending, n, n+1), name)
		}
		s.log.Warn("the device does not take what is wanted, trying again", "device", id, "point", name, "error", a.Error)
		return
	}
	d.Pending = slices.DeleteFunc(d.Pending, func(p string) bool { return p == name })
	if v, there := a.Values[name]; there { // as it was rounded to what the device holds
		d.Desired[name], d.values()[name] = v, v
	}
	s.keep(d, now)
	s.tell(ctx, d, now)
	s.pursue(ctx, d, now)
}

// keep keeps what is wanted over a restart.
func (s *shadows) keep(d *shadow, now time.Time) {
	d.Time = now.UnixMilli()
	text, err := json.Marshal(d.shadowDocument)
	if err == nil {
		err = s.keeper.Put("shadow/"+d.id, text)
	}
	if err != nil {
		s.log.Error("what is wanted does not survive a restart", "device", d.id, "error", err)
	}
}

// delta is what is wanted and not so.
func (d *shadow) delta() map[string]any {
	delta := map[string]any{}
	values := d.values()
	for name, v := range d.Desired {
		if !reflect.DeepEqual(values[name], v) {
			delta[name] = v
		}
	}
	return delta
}

// tell publishes the documents that have changed, once something was wanted.
func (s *shadows) tell(ctx context.Context, d *shadow, now time.Time) {
	if d.Version == 0 {
		return
	}
	for i, document := range []struct {
		suffix string
		state  map[string]any
		at     int64
	}{{shadowDesired, d.Desired, d.Time}, {shadowReported, d.values(), now.UnixMilli()}, {shadowDelta, d.delta(), now.UnixMilli()}} {
		state, _ := json.Marshal(document.state) // cannot fail: it came from JSON
		said := fmt.Sprint(d.Version, string(state))
		if said == d.said[i] {
			continue
		}
		d.said[i] = said
		payload, _ := json.Marshal(map[string]any{"version": d.Version, "ts": document.at, "state": document.state})
		s.publish(ctx, mqtt.Message{Topic: "device/" + d.id + document.suffix, Payload: payload, QoS: mqtt.AtLeastOnce, Retain: true, UTF8: true, ContentType: "application/json"})
	}
}

// whole is all of a shadow.
func (d *shadow) whole() any {
	return map[string]any{
		"version": d.Version, "ts": d.Time, "pending": d.Pending,
		"state": map[string]any{"desired": d.Desired, "reported": d.values(), "delta": d.delta()},
	}
}

// answer answers to the response topic of a request, or else to a topic beside its
// own that says what became of it.
func (s *shadows) answer(ctx context.Context, m mqtt.Message, suffix string, what any) {
	payload, err := json.Marshal(what)
	if err != nil {
		return
	}
	topic := m.Topic + "/accepted"
	if a, is := what.(shadowAnswer); is && a.Code != 200 {
		topic = m.Topic + "/rejected"
	}
	if mqtt.ValidTopic(m.ResponseTopic) && !strings.HasPrefix(m.ResponseTopic, "$") && !strings.HasPrefix(m.ResponseTopic, "device/") {
		topic = m.ResponseTopic
	}
	s.publish(ctx, mqtt.Message{Topic: topic, Payload: payload, QoS: m.QoS, UTF8: true, ContentType: "application/json", CorrelationData: m.CorrelationData})
}

func (s *shadows) publish(ctx context.Context, m mqtt.Message) {
	if err := s.server.Publish(ctx, m); ctx.Err() == nil {
		s.complain(err)
	}
}
