package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/bridge/sparkplug"
	"fieldmq/broker/mqtt"
)

// hostView is a host application: it follows what an edge node says, and finds what
// breaks the rules of the specification.
type hostView struct {
	t       *testing.T
	born    map[string]bool
	aliases map[uint64]string // of all births
	types   map[string]sparkplug.Type
	values  map[string]any
	past    []string
	seq     int
}

func newHostView(t *testing.T) *hostView {
	return &hostView{t: t, born: map[string]bool{}, aliases: map[uint64]string{}, types: map[string]sparkplug.Type{}, values: map[string]any{}, seq: -1}
}

func (h *hostView) take(messages ...mqtt.Message) {
	h.t.Helper()
	for _, m := range messages {
		h.message(m)
	}
}

func (h *hostView) message(m mqtt.Message) {
	h.t.Helper()
	bad := func(format string, args ...any) {
		h.t.Helper()
		h.t.Errorf("%s: "+format, append([]any{m.Topic}, args...)...)
	}
	parts := strings.Split(m.Topic, "/")
	p, err := sparkplug.Parse(m.Payload)
	if err != nil || len(parts) < 4 || parts[0] != "spBv1.0" || parts[1] != "plant" || parts[3] != "box" {
		h.t.Fatalf("%s: %v", m.Topic, err)
	}
	if m.Retain || m.QoS != 0 {
		bad("retained or with QoS %d", m.QoS)
	}
	kind, device := parts[2], strings.Join(parts[4:], "/")
	birth := kind == "NBIRTH" || kind == "DBIRTH"
	if kind == "NBIRTH" {
		h.seq, h.born, h.aliases = -1, map[string]bool{"": true}, map[uint64]string{}
	}
	if h.seq++; p.Seq != h.seq%256 {
		bad("seq %d, want %d", p.Seq, h.seq%256)
	}
	switch {
	case kind == "DBIRTH":
		h.born[device] = true
	case kind == "DDEATH":
		if !h.born[device] || len(p.Metrics) > 0 {
			bad("a death without a birth, or with metrics")
		}
		delete(h.born, device)
	case !h.born[device]:
		bad("data before the birth")
	}
	if kind == "NBIRTH" && (len(p.Metrics) < 2 || p.Metrics[0].Name != "bdSeq" || p.Metrics[0].Type != sparkplug.Int64 ||
		p.Metrics[1].Name != rebirth || p.Metrics[1].Aliased || p.Metrics[1].Value != false) {
		bad("begins with %+v", p.Metrics)
	}
	for _, metric := range p.Metrics {
		switch {
		case metric.Time == 0:
			bad("%s has no time", metric.Name)
		case birth && (metric.Name == "" || metric.Type == 0):
			bad("a metric without a name or a type is born")
		case birth && metric.Aliased && h.aliases[metric.Alias] != "" && h.aliases[metric.Alias] != device+"/"+metric.Name:
			bad("alias %d is that of %s already", metric.Alias, h.aliases[metric.Alias])
		case !birth && (metric.Name != "" || metric.Type != 0):
			bad("data of %s with a name or a type", metric.Name)
		case !birth && !strings.HasPrefix(h.aliases[metric.Alias], device+"/"):
			bad("alias %d was never born", metric.Alias)
		}
		name := device + "/" + metric.Name
		if birth && metric.Aliased {
			h.aliases[metric.Alias] = name
		}
		if !birth {
			name = h.aliases[metric.Alias]
		}
		if metric.Historical {
			h.past = append(h.past, fmt.Sprint(name, "=", metric.Value, "@", metric.Time))
			continue
		}
		h.values[name] = metric.Value
	}
}

func (h *hostView) want(name string, value any) {
	h.t.Helper()
	if got, there := h.values[name]; !there || got != value {
		h.t.Errorf("%s is %v, want %v", name, got, value)
	}
}

var noon = time.UnixMilli(1_800_000_000_000)

// edgeRig is an edge node with two devices that are known, and one is online.
func edgeRig(t *testing.T) (*edge, *hostView) {
	config := For("")
	config.Group = "plant"
	e := newEdge(&config, "box")
	say(e, "box", "info", `{"via":"box","points":[{"name":"uptime","type":"integer","unit":"s"}]}`)
	say(e, "boiler", "info", `{"via":"box","points":[{"name":"flow","type":"number","unit":"Cel"},{"name":"pump","type":"bool"},{"name":"mode","type":"text"}]}`)
	say(e, "meter", "info", `{"via":"box","points":[{"name":"energy","type":"integer"}]}`)
	say(e, "foreign", "info", `{"via":"other","points":[{"name":"x","type":"integer"}]}`)
	say(e, "boiler", "status", "online")
	return e, newHostView(t)
}

func say(e *edge, device, what, payload string) []mqtt.Message {
	if what == "state" {
		if m, news := e.tell(device, []byte(payload), false); news {
			return []mqtt.Message{m}
		}
		return nil
	}
	return e.observe(mqtt.Message{Topic: "device/" + device + "/" + what, Payload: []byte(payload)}, noon)
}

func TestEdgeNodeIsBornLivesAndDies(t *testing.T) {
	e, h := edgeRig(t)
	h.take(e.births(noon)...)
	if !h.born["boiler"] || h.born["meter"] || h.born["foreign"] {
		t.Errorf("born: %v", h.born)
	}
	h.want("boiler/flow", nil)
	h.take(say(e, "boiler", "state", `{"ts":1000,"flow":54.5,"pump":true,"mode":"heating"}`)...)
	h.want("boiler/flow", 54.5)
	h.want("boiler/pump", true)
	h.want("boiler/mode", "heating")
	if out := say(e, "boiler", "state", `{"ts":2000,"flow":54.5,"pump":true,"mode":"heating"}`); len(out) > 0 {
		t.Errorf("said though nothing has changed: %v", out)
	}
	h.take(say(e, "boiler", "state", `{"ts":3000,"pump":false,"mode":"heating","errors":{"flow":"no value"}}`)...)
	h.want("boiler/flow", nil)
	h.want("boiler/pump", false)
	h.take(say(e, "box", "state", `{"ts":3000,"uptime":7}`)...)
	h.want("/uptime", int64(7))
	h.take(say(e, "boiler", "status", "offline")...)
	if h.born["boiler"] {
		t.Error("it does not die")
	}
	if !e.waits("meter") || e.waits("box") || e.waits("foreign") {
		t.Error("who waits for its birth?")
	}
	e.see("meter", []byte(`{"ts":4000,"energy":1}`))
	h.take(say(e, "meter", "status", "online")...)
	h.want("meter/energy", int64(1))
	h.take(say(e, "meter", "info", `{"via":"box","points":[{"name":"energy","type":"integer"},{"name":"power","type":"number"}]}`)...)
	h.take(say(e, "meter", "state", `{"ts":5000,"energy":2,"power":1.5}`)...)
	h.want("meter/power", 1.5)
	h.take(say(e, "meter", "info", "")...)
	if h.born["meter"] {
		t.Error("a device that was removed lives on")
	}
	for range 300 { // over the end of the numbers
		h.take(say(e, "boiler", "status", "online")...)
		h.take(say(e, "boiler", "status", "offline")...)
	}
	h.take(e.births(noon)...)
}

func TestThePastIsToldBesideThePresent(t *testing.T) {
	e, h := edgeRig(t)
	e.see("boiler", []byte(`{"ts":3000,"flow":3.5,"pump":true}`))
	h.take(e.births(noon)...)
	for _, state := range []string{
		`{"ts":1000,"flow":1.5}`, `{"ts":1500,"flow":1.5}`, `{"ts":2000,"flow":3.5}`, `{"ts":2500,"flow":2.5,"pump":true}`,
	} {
		if m, news := e.tell("boiler", []byte(state), true); news {
			h.take(m)
		}
	}
	want := "[boiler/flow=1.5@1000 boiler/pump=<nil>@1000 boiler/mode=<nil>@1000 boiler/flow=3.5@2000 boiler/flow=2.5@2500 boiler/pump=true@2500]"
	if got := fmt.Sprint(h.past); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.want("boiler/flow", 3.5)
	if out := say(e, "boiler", "state", `{"ts":3000,"flow":3.5,"pump":true}`); len(out) > 0 {
		t.Errorf("said though the birth has told it: %v", out)
	}
}

func TestCommandsOfHosts(t *testing.T) {
	e, h := edgeRig(t)
	h.take(e.births(noon)...)
	alias := e.devices["boiler"].point("pump").alias
	command := func(kind, device string, metrics ...sparkplug.Metric) (bool, string) {
		t.Helper()
		p := sparkplug.Payload{Time: 1, Seq: -1, Metrics: metrics}
		again, orders, err := e.command(mqtt.Message{Topic: e.topic(kind, device), Payload: p.Append(nil)})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, o := range orders {
			text += o.Topic + " " + string(o.Payload)
		}
		return again, text
	}
	if again, text := command("NCMD", "", sparkplug.Metric{Name: rebirth, Value: true}); !again || text != "" {
		t.Errorf("got %v %s", again, text)
	}
	if again, _ := command("NCMD", "", sparkplug.Metric{Name: rebirth, Value: false}); again {
		t.Error("born again though nobody asks")
	}
	_, text := command("DCMD", "boiler", sparkplug.Metric{Name: "flow", Value: 60.5}, sparkplug.Metric{Alias: alias, Aliased: true, Value: true}, sparkplug.Metric{Name: "nothing", Value: true})
	if want := `device/boiler/set {"flow":60.5,"pump":true}`; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if _, text := command("DCMD", "foreign", sparkplug.Metric{Name: "x", Value: int64(1)}); text != "" {
		t.Errorf("got %s", text)
	}
	if _, _, err := e.command(mqtt.Message{Topic: e.topic("NCMD", ""), Payload: []byte{0xFF}}); err == nil {
		t.Error("a torn command is taken")
	}
}
