package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

// document waits for a JSON object on a topic that ok likes.
func (w *watcher) document(topic string, into any, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	for m := range w.gateway.Server().Subscribe(ctx, mqtt.Filter(topic)) {
		if json.Unmarshal(m.Payload, into) == nil && ok() {
			return
		}
	}
	w.t.Fatalf("%s never said what is wanted: %+v", topic, into)
}

type watcher struct {
	t       *testing.T
	gateway *Gateway
}

// ask puts a question to the gateway and returns the answer.
func (w *watcher) ask(what, payload string) map[string]any {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	const reply = "device/box/reply/test"
	answers := w.gateway.Server().Subscribe(ctx, reply)
	request := mqtt.Message{Topic: "device/box/" + what + "/get", Payload: []byte(payload), ResponseTopic: reply, CorrelationData: []byte(what)}
	if err := w.gateway.Server().Publish(ctx, request); err != nil {
		w.t.Fatal(err)
	}
	for m := range answers {
		if string(m.CorrelationData) != what {
			continue
		}
		var answer map[string]any
		if err := json.Unmarshal(m.Payload, &answer); err != nil {
			w.t.Fatalf("%s: %v in %s", what, err, m.Payload)
		}
		return answer
	}
	w.t.Fatalf("no answer to %s", what)
	return nil
}

func TestWorksOfTheGatewayAreTopics(t *testing.T) {
	g, p, stop := startPlant(t)
	defer stop()
	w := &watcher{t, g}
	var bus busReport
	w.document("device/box/bus/panel", &bus, func() bool { return bus.Open && bus.Achieved > 0 && bus.Load > 0 })
	if bus.Wanted != 2 || strings.Join(bus.Devices, " ") != "meter boiler" || bus.Driver != "modbus-rtu" || bus.Place == "" {
		t.Errorf("got %+v", bus)
	}
	if err := p.Fault("meter silence"); err != nil {
		t.Fatal(err)
	}
	w.document("device/box/bus/panel", &bus, func() bool { return bus.Errors["no answer"] > 0 })
	var dead busReport
	w.document("device/box/bus/dead", &dead, func() bool { return !dead.Open && dead.Reason != "" })
	var broker brokerReport
	w.document("device/box/broker", &broker, func() bool { return broker.Retained > 0 })
}

func TestGatewayAnswersQuestions(t *testing.T) {
	g, _, stop := startPlant(t)
	defer stop()
	g.Plan = func(c *Config) (any, error) { return len(c.Buses), nil }
	expect(t, g, online("meter", "boiler"))
	w := &watcher{t, g}
	if a := w.ask("config", ""); a["ok"] != true || !strings.Contains(a["text"].(string), "modbus-rtu") {
		t.Errorf("config: %v", a)
	}
	if a := w.ask("plan", ""); a["plan"] != 5.0 {
		t.Errorf("plan: %v", a)
	}
	if a := w.ask("clients", "{}"); a["ok"] != true || a["total"] != 0.0 {
		t.Errorf("clients: %v", a)
	}
	if a := w.ask("weather", ""); a["ok"] != false || !strings.Contains(jsonText(a), "there are clients, config") {
		t.Errorf("weather: %v", a)
	}
	if a := w.ask("log", `{"limit":500}`); !strings.Contains(jsonText(a), "device online") {
		t.Errorf("log: %v", a)
	}
	if a := w.ask("history", `{"device":"meter"}`); !strings.Contains(jsonText(a["states"].(map[string]any)["meter"]), "voltage") {
		t.Errorf("history: %v", a)
	}
	raw := w.ask("raw", `{"device":"boiler"}`)
	point := raw["points"].([]any)[0].(map[string]any)
	exchange := raw["exchanges"].([]any)[0].(map[string]any)
	if len(point["raw"].(string)) != 4 || exchange["request"] != "020300650001" || len(exchange["answer"].(string)) != 4+2 && len(exchange["answer"].(string)) != 4 {
		t.Errorf("raw: %v", raw)
	}
	for what, payload := range map[string]string{"raw": `{"device":"eve"}`, "log": `[1]`, "clients": strings.Repeat("x", 5000)} {
		if a := w.ask(what, payload); a["ok"] != false || a["error"] == "" {
			t.Errorf("%s %.20s: %v", what, payload, a)
		}
	}
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // it was read from such
	return string(text)
}

func TestLogIsTold(t *testing.T) {
	g, _, stop := startPlant(t)
	defer stop()
	var entry struct{ Level, Part, Text string }
	w := &watcher{t, g}
	go func() {
		time.Sleep(100 * time.Millisecond) // for the subscription below
		g.log.With("bus", "panel").Warn("something is odd")
	}()
	w.document("device/box/log", &entry, func() bool { return entry.Text == "something is odd" })
	if entry.Part != "panel" || entry.Level != "warn" {
		t.Errorf("got %+v", entry)
	}
}

func TestPastIsBounded(t *testing.T) {
	p := newPast(10 * (overhead + 8))
	now := time.Now()
	for i := range 50 {
		p.take([]mqtt.Message{
			{Topic: "device/a/state", Payload: []byte(`{"ts":1}`)}, {Topic: "device/a/x", Payload: []byte("1")},
			{Topic: "device/b/state", Payload: []byte(`{"ts":2}`)},
		}, now.Add(time.Duration(i)*time.Second))
	}
	all := p.since(now, "", 1<<20)
	if len(all["a"]) != 5 || len(all["b"]) != 5 {
		t.Errorf("%d and %d states, want 5 each", len(all["a"]), len(all["b"]))
	}
	if got := p.since(now, "b", 16)["b"]; len(got) != 2 {
		t.Errorf("%d states in 16 bytes, want 2", len(got))
	}
	if got := p.since(now.Add(48500*time.Millisecond), "", 1<<20); len(got["a"]) != 1 {
		t.Errorf("%d states of the last second, want 1", len(got["a"]))
	}
	off := newPast(0)
	off.take([]mqtt.Message{{Topic: "device/a/state", Payload: []byte("{}")}}, now)
	if len(off.states) != 0 {
		t.Error("kept although there is no room")
	}
}
