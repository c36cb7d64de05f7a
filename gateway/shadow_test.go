package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

// want updates the shadow of a device and expects the code of the answer.
func (f *field) want(device, update string, code int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	answers := f.g.Server().Subscribe(ctx, "answer/shadow")
	m := mqtt.Message{Topic: "device/" + device + "/shadow/update", Payload: []byte(update), QoS: 1, ResponseTopic: "answer/shadow"}
	if err := f.g.Server().Publish(ctx, m); err != nil {
		f.t.Fatal(err)
	}
	for m := range answers {
		var a struct{ Code int }
		if err := json.Unmarshal(m.Payload, &a); err != nil || a.Code != code {
			f.t.Errorf("%s: got %s, want code %d", update, m.Payload, code)
		}
		return
	}
	f.t.Errorf("%s: no answer", update)
}

func (f *field) shadow(device, document, want string) {
	f.t.Helper()
	f.eventually(document+" of "+device+" with "+want, func() bool {
		return strings.Contains(f.retained("device/"+device+"/shadow/"+document), want)
	})
}

func TestWhatIsWantedIsWrittenAndReported(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("boiler"))
	f.shadowKnown("boiler")
	if got := f.retained("device/+/shadow/#"); got != "" {
		t.Errorf("there is a shadow though nobody wants anything: %s", got)
	}
	f.want("boiler", `{"state":{"desired":{"setpoint":61.5}}}`, 200)
	f.shadow("boiler", "desired", `"state":{"setpoint":61.5}`)
	f.shadow("boiler", "reported", `"state":{"setpoint":61.5}`)
	f.shadow("boiler", "delta", `"state":{}`)
	f.eventually("the value itself", func() bool { return f.retained("device/boiler/setpoint") == "61.5" })
	// What changes it later is shown, and not fought.
	f.order("device/boiler/setpoint/set", "50", `"value":50`)
	f.shadow("boiler", "delta", `"state":{"setpoint":61.5}`)
	time.Sleep(3 * shadowLook)
	if got := f.retained("device/boiler/setpoint"); got != "50" {
		t.Errorf("the shadow has fought for its value: %s", got)
	}
	f.want("boiler", `{"state":{"desired":{"setpoint":61.5}},"version":1}`, 200)
	f.shadow("boiler", "reported", `"state":{"setpoint":61.5}`)
	f.want("boiler", `{"state":{"desired":{"setpoint":null}}}`, 200)
	f.shadow("boiler", "desired", `"state":{}`)
}

// shadowKnown waits until the shadows know a device.
func (f *field) shadowKnown(device string) {
	f.t.Helper()
	f.eventually("that the shadow of "+device+" is known", func() bool {
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
		defer cancel()
		answers := f.g.Server().Subscribe(ctx, "answer/known")
		if f.g.Server().Publish(ctx, mqtt.Message{Topic: "device/" + device + "/shadow/get", ResponseTopic: "answer/known", QoS: 1}) != nil {
			return false
		}
		for range answers {
			return true
		}
		return false
	})
}

func TestUpdatesThatAreRefused(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("boiler", "tank"))
	f.shadowKnown("boiler")
	f.shadowKnown("tank")
	f.want("boiler", `{"state":{"desired":{"setpoint":60}},"version":7}`, 409)
	f.want("boiler", `{"state":{"desired":{"nothing":60}}}`, 400)
	f.want("tank", `{"state":{"desired":{"level":60}}}`, 400)
	f.want("boiler", `{"state":{"desired":{"setpoint":{"a":1}}}}`, 400)
	f.want("boiler", `{"state":{"desired":{"setpoint":"warm"}}}`, 400)
	f.want("boiler", `{"state":{"desired":{"setpoint":true}}}`, 400)
	f.want("boiler", `{"state":{"desired":{"setpoint":null}}}`, 200)
	f.want("boiler", `{"state":{}}`, 400)
	f.want("boiler", `no JSON`, 400)
	f.want("boiler", `{"state":{"desired":{"setpoint":"`+strings.Repeat("x", 70<<10)+`"}}}`, 413)
	if got := f.retained("device/boiler/shadow/desired"); !strings.Contains(got, `"state":{}`) {
		t.Errorf("something is wanted: %s", got)
	}
}

func TestAValueThatIsRefusedDoesNotHoldUpOthers(t *testing.T) {
	b := &talk{}
	s := &shadows{gateway: "box", server: b, keeper: &forgetful{}, log: quiet, devices: map[string]*shadow{}, complain: func(err error) {}}
	now := time.Now()
	hear := func(topic, payload string) {
		now = now.Add(time.Second)
		s.hear(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(payload)}, now)
	}
	hear("device/x/info", `{"via":"box","points":[{"name":"a","writable":true},{"name":"b","writable":true}]}`)
	hear("device/x/status", "online")
	hear("device/x/shadow/update", `{"state":{"desired":{"a":5}}}`)
	hear(s.replies("x"), `{"ok":false,"error":"illegal data value"}`)
	hear("device/x/shadow/update", `{"state":{"desired":{"b":1}}}`)
	if got := b.take("device/x/set"); len(got) != 2 || got[1] != `{"b":1}` {
		t.Fatalf("written %q", got)
	}
	hear(s.replies("x"), `{"ok":true,"values":{"b":1}}`)
	hear("device/x/state", `{"b":1}`)
	if got := b.take("device/x/set"); len(got) != 2 {
		t.Errorf("written %q, a again without a pause", got)
	}
	now = now.Add(shadowRetry)
	hear("device/x/state", `{"b":1}`)
	if got := b.take("device/x/set"); len(got) != 3 || got[2] != `{"a":5}` {
		t.Errorf("written %q", got)
	}
	kept := mqtt.Message{Topic: "device/x/shadow/update", Payload: []byte(`{"state":{"desired":{"a":6}}}`), Retain: true}
	s.hear(t.Context(), kept, now)
	if got := b.take("device/x/shadow/update/rejected"); len(got) != 1 || !strings.Contains(got[0], "retained") {
		t.Errorf("a retained update is answered by %q", got)
	}
}

// talk is a broker that notes what shadows say.
type talk struct{ said []mqtt.Message }

func (b *talk) Publish(_ context.Context, messages ...mqtt.Message) error {
	b.said = append(b.said, messages...)
	return nil
}

func (b *talk) take(topic string) (payloads []string) {
	for _, m := range b.said {
		if m.Topic == topic {
			payloads = append(payloads, string(m.Payload))
		}
	}
	return payloads
}

func TestWhatIsWantedOutlivesOutagesAndRestarts(t *testing.T) {
	var keeper forgetful
	begin := func() (*talk, *shadows, func(topic, payload string)) {
		b := &talk{}
		s := &shadows{gateway: "box", server: b, keeper: &keeper, log: quiet, devices: map[string]*shadow{}, complain: func(err error) {}}
		now := time.Now()
		hear := func(topic, payload string) {
			now = now.Add(time.Minute)
			s.hear(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(payload)}, now)
		}
		hear("device/x/info", `{"via":"box","points":[{"name":"a","writable":true,"max":9},{"name":"b","writable":true}]}`)
		return b, s, hear
	}
	b, _, hear := begin()
	hear("device/x/status", "offline")
	hear("device/x/shadow/update", `{"state":{"desired":{"a":5,"b":true}}}`)
	hear("device/x/shadow/update", `{"state":{"desired":{"a":10}}}`) // above the maximum
	if n := len(b.take("device/x/set")); n > 0 {
		t.Errorf("written %d times to a device that is away", n)
	}
	b, s, hear := begin() // a restart
	hear("device/x/status", "online")
	if got := b.take("device/x/set"); len(got) != 1 || len(s.devices["x"].Pending) != 2 {
		t.Fatalf("written %q, pending %q", got, s.devices["x"].Pending)
	}
	first := s.devices["x"].asked
	hear(s.replies("x"), `{"ok":false,"error":"no answer"}`)
	hear("device/x/status", "offline")
	hear("device/x/status", "online")
	hear(s.replies("x"), `{"ok":true,"values":{"`+s.devices["x"].asked+`":true}}`)
	if got := s.devices["x"].asked; got != first {
		t.Errorf("next is %q, want %q again", got, first)
	}
	hear(s.replies("x"), `{"ok":true,"values":{"a":5}}`)
	if d := s.devices["x"]; len(d.Pending) > 0 || d.asked != "" {
		t.Errorf("pending %q", d.Pending)
	}
	writes := len(b.take("device/x/set"))
	hear("device/x/state", `{"ts":1,"a":4,"b":true}`)
	if len(b.take("device/x/set")) != writes {
		t.Error("a value that was changed at the device is fought")
	}
	if got := b.take("device/x/shadow/delta"); !strings.Contains(got[len(got)-1], `"state":{"a":5}`) {
		t.Errorf("the delta is %q", got)
	}
	hear("device/x/info", "")
	if got := b.take("device/x/shadow/desired"); got[len(got)-1] != "" || len(keeper.values) > 0 {
		t.Errorf("left behind: %q %v", got, keeper.values)
	}
}
