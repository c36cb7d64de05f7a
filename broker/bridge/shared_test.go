package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

const boilerInfo = `{"via":"box","points":[{"name":"setpoint","writable":true},{"name":"pump","writable":true},{"name":"flow","writable":false}]}`

// tbWith is a ThingsBoard that remembers in a keeper, with a boiler.
func tbWith(k Keeper) *thingsBoard {
	return &thingsBoard{"box", &sharedAttributes{
		keeper: k, key: "upstream/tb/shared/", log: quiet, asked: map[string]*tbQuestion{},
		info: func(device string) []byte {
			if device == "boiler" {
				return []byte(boilerInfo)
			}
			return nil
		},
	}}
}

// tbHears has it hear a message, and returns what is set because of it.
func tbHears(t *testing.T, tb *thingsBoard, topic, payload string) string {
	t.Helper()
	here, ok := tb.down(mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1})
	if !ok {
		t.Fatalf("%s %s means nothing", topic, payload)
	}
	if here.Topic == "" {
		return ""
	}
	tb.published(&here)
	return here.Topic + " " + string(here.Payload)
}

func TestSharedAttributesAreSetOnce(t *testing.T) {
	k := &pocket{}
	tb := tbWith(k)
	answer := func(values string) string {
		t.Helper()
		if asked := tb.next(&mqtt.Message{Topic: "device/boiler/status", Payload: []byte("online")}); len(asked) != 1 {
			t.Fatalf("asked %v", asked)
		}
		return tbHears(t, tb, tbAnswer, fmt.Sprintf(`{"id":%d,"device":"boiler","values":%s}`, tb.shared.lastID, values))
	}
	for _, step := range []struct{ name, got, want string }{
		{"what changed while nobody listened is set", answer(`{"setpoint":60}`), `device/boiler/set {"setpoint":60}`},
		{"and not again", answer(`{"setpoint":60}`), ""},
		{"what is told is set", tbHears(t, tb, tbAttributes, `{"device":"boiler","data":{"setpoint":61}}`), `device/boiler/set {"setpoint":61}`},
		{"and not again when it is asked for", answer(`{"setpoint":61}`), ""},
		{"what is new goes alone", answer(`{"setpoint":61,"pump":true}`), `device/boiler/set {"pump":true}`},
		{"what cannot be set is left alone", answer(`{"flow":1,"setpoint":61}`), ""},
		{"what was set before is set when it is wanted again", answer(`{"setpoint":60,"pump":true}`), `device/boiler/set {"setpoint":60}`},
		{"what is gone changes nothing", answer(`{}`), ""},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, step.got, step.want)
		}
	}
	tb = tbWith(k)
	if got := answer(`{"setpoint":60,"pump":true}`); got != "" {
		t.Errorf("after a restart %s", got)
	}
}

func TestAnswersToOtherQuestionsAreIgnored(t *testing.T) {
	tb := tbWith(&pocket{})
	online := &mqtt.Message{Topic: "device/boiler/status", Payload: []byte("online")}
	tb.next(online)
	tb.next(online)
	for _, payload := range []string{
		`{"id":1,"device":"boiler","values":{"setpoint":60}}`, `{"id":2,"device":"meter","values":{"setpoint":60}}`,
		`{"id":2,"device":"boiler","value":60}`, `[]`, ``,
	} {
		if got := tbHears(t, tb, tbAnswer, payload); got != "" {
			t.Errorf("%s: %s", payload, got)
		}
	}
	for topic, word := range map[string]string{"device/boiler/status": "offline", "device/meter/status": "online", "device/boiler/state": "online"} {
		if asked := tb.next(&mqtt.Message{Topic: topic, Payload: []byte(word)}); len(asked) > 0 {
			t.Errorf("%s %s: asked %v", topic, word, asked)
		}
	}
}

// An update that comes between question and answer is newer than the answer.
func TestAnswerDoesNotSetBackWhatCameMeanwhile(t *testing.T) {
	tb := tbWith(&pocket{})
	tb.next(&mqtt.Message{Topic: "device/boiler/status", Payload: []byte("online")})
	tbHears(t, tb, tbAttributes, `{"device":"boiler","data":{"setpoint":70}}`)
	if got := tbHears(t, tb, tbAnswer, `{"id":1,"device":"boiler","values":{"setpoint":60,"pump":true}}`); got != `device/boiler/set {"pump":true}` {
		t.Errorf("got %s", got)
	}
}

// wishes are the shared attributes of a boiler in a cloud that plays ThingsBoard: who
// asks for them before the device is connected is wrong.
type wishes struct {
	mu     sync.Mutex
	values map[string]any
	up     map[string]bool // devices
	wrong  []string
	asked  int
}

func (w *wishes) want(name string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[name] = value
}

func (w *wishes) questions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

func (w *wishes) answer(f packet.Frame) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p packet.Publish
	if f.Type() == packet.CONNECT {
		clear(w.up)
	}
	if f.Type() != packet.PUBLISH || p.Decode(packet.V5, f) != nil {
		return nil
	}
	var q struct {
		ID     int64
		Device string
		Client *bool
		Keys   []string
	}
	_ = json.Unmarshal(p.Payload, &q)
	switch string(p.Topic) {
	case tbConnect:
		w.up[q.Device] = true
	case "v1/gateway/attributes/request":
		w.asked++
		if !w.up[q.Device] || q.Client == nil || *q.Client || strings.Join(q.Keys, ",") != "setpoint,pump" {
			w.wrong = append(w.wrong, string(p.Payload))
		}
		payload, _ := json.Marshal(map[string]any{"id": q.ID, "device": q.Device, "values": w.values})
		m := mqtt.Message{Topic: "v1/gateway/attributes/response", Payload: payload}
		return (&packet.Outgoing{Message: &m}).Append(nil, packet.V5)
	}
	return nil
}

func TestFlapsOfTheLinkSetNothingBack(t *testing.T) {
	w := &wishes{values: map[string]any{"setpoint": 60}, up: map[string]bool{}}
	cloud := startStrict(t, laws["thingsboard"], nil)
	cloud.down = w.answer
	c := For("thingsboard")
	c.Preset, c.URL, c.ClientID, c.Username = "thingsboard", "mqtt://"+cloud.addr(), "box", "token"
	s := startSite(t, c)
	var mu sync.Mutex
	var sets []string
	listening, stop := context.WithCancel(t.Context())
	messages := s.server.Subscribe(listening, "device/+/set")
	var listener sync.WaitGroup
	listener.Go(func() {
		for m := range messages {
			mu.Lock()
			sets = append(sets, string(m.Payload))
			mu.Unlock()
		}
	})
	defer func() { stop(); listener.Wait() }()
	came := func(want string) {
		t.Helper()
		until(t, want, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(sets, want)
		})
	}
	flap := func() {
		t.Helper()
		before := w.questions()
		cloud.mu.Lock()
		for conn := range cloud.conns {
			conn.Close()
		}
		cloud.mu.Unlock()
		until(t, "asked again", func() bool { return w.questions() > before })
	}
	s.say("device/boiler/info", boilerInfo, true)
	s.say("device/boiler/status", "online", true)
	came(`{"setpoint":60}`)
	flap()
	flap()
	w.want("pump", true) // while nobody is told of it
	flap()
	came(`{"pump":true}`)
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(sets, " "); got != `{"setpoint":60} {"pump":true}` {
		t.Errorf("set: %s", got)
	}
	if len(w.wrong) > 0 {
		t.Errorf("asked wrongly: %q", w.wrong)
	}
	cloud.lawful(t)
}
