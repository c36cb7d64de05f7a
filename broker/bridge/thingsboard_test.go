package bridge

import (
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestThingsBoardIsSpokenTo(t *testing.T) {
	tb := tbWith(nil)
	came := time.UnixMilli(5)
	ts := []mqtt.UserProperty{{Name: "ts", Value: "7"}}
	for _, c := range []struct {
		name, topic, payload string
		user                 []mqtt.UserProperty
		wantTopic, want      string // no topic: it is dropped
	}{
		{"connects a device", "device/meter/status", "online", nil, "v1/gateway/connect", `{"device":"meter"}`},
		{"disconnects it", "device/meter/status", "offline", nil, "v1/gateway/disconnect", `{"device":"meter"}`},
		{"takes the time of a state", "device/meter/state", `{"ts":12,"voltage":230.10,"on":true}`, ts, "v1/gateway/telemetry", `{"meter":[{"ts":12,"values":{"on":true,"voltage":230.10}}]}`},
		{"keeps what failed", "device/meter/state", `{"ts":12,"errors":{"a":"x"}}`, nil, "v1/gateway/telemetry", `{"meter":[{"ts":12,"values":{"errors":{"a":"x"}}}]}`},
		{"takes a point with the time when it was read", "device/meter/voltage", `230.1`, ts, "v1/gateway/telemetry", `{"meter":[{"ts":7,"values":{"voltage":230.1}}]}`},
		{"takes text, and the time when it came", "device/meter/mode", `heating`, nil, "v1/gateway/telemetry", `{"meter":[{"ts":5,"values":{"mode":"heating"}}]}`},
		{"takes what is no UTF-8", "device/meter/mode", "\xff", nil, "v1/gateway/telemetry", `{"meter":[{"ts":5,"values":{"mode":"` + "\uFFFD" + `"}}]}`},
		{"takes an event", "device/meter/event", `{"edge":1}`, nil, "v1/gateway/telemetry", `{"meter":[{"ts":5,"values":{"event":{"edge":1}}}]}`},
		{"takes a state that is no object", "device/meter/state", `7`, nil, "v1/gateway/telemetry", `{"meter":[{"ts":5,"values":{"state":7}}]}`},
		{"makes attributes of what a device is", "device/meter/info", `{"model":"x","points":{"a":{}}}`, nil, "v1/gateway/attributes", `{"meter":{"model":"x"}}`},
		{"makes an attribute of health", "device/meter/health", `{"a":1}`, nil, "v1/gateway/attributes", `{"meter":{"health":{"a":1}}}`},
		{"speaks for the gateway itself", "device/box/state", `{"ts":3,"uptime":1}`, nil, "v1/devices/me/telemetry", `{"ts":3,"values":{"uptime":1}}`},
		{"says what the gateway is", "device/box/info", `{"model":"x"}`, nil, "v1/devices/me/attributes", `{"model":"x"}`},
		{"answers a call", "device/meter/rpc/9", `{"ok":true}`, nil, "v1/gateway/rpc", `{"data":{"ok":true},"device":"meter","id":9}`},
		{"answers a call to the gateway", "device/box/rpc/9", `{"ok":true}`, nil, "v1/devices/me/rpc/response/9", `{"ok":true}`},
		{"has no word for commands", "device/meter/pump/set", "1", nil, "", ""},
		{"has no word for other topics", "alarm", "1", nil, "", ""},
		{"has no word for a retained message that is removed", "device/meter/voltage", "", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mqtt.Message{Topic: c.topic, Payload: []byte(c.payload), QoS: 2, Retain: true, UserProperties: c.user}
			there, reason := tb.up(&m, came)
			if reason != "" {
				there.Topic = ""
			}
			if there.Topic != c.wantTopic || string(there.Payload) != c.want || there.QoS > 1 {
				t.Errorf("got %s %s (QoS %d, %s)", there.Topic, there.Payload, there.QoS, reason)
			}
		})
	}
}

func TestThingsBoardIsHeard(t *testing.T) {
	tb := tbWith(nil)
	for _, c := range []struct {
		name, topic, payload     string
		want, wantPayload, reply string // no topic: it means nothing
	}{
		{"writes a point", "v1/gateway/rpc", `{"device":"boiler","data":{"id":7,"method":"setpoint","params":60}}`, "device/boiler/setpoint/set", "60", "device/boiler/rpc/7"},
		{"writes text without quotes", "v1/gateway/rpc", `{"device":"boiler","data":{"id":7,"method":"mode","params":"off"}}`, "device/boiler/mode/set", "off", "device/boiler/rpc/7"},
		{"writes several points", "v1/gateway/rpc", `{"device":"boiler","data":{"id":0,"method":"set","params":{"a":1}}}`, "device/boiler/set", `{"a":1}`, "device/boiler/rpc/0"},
		{"polls", "v1/gateway/rpc", `{"device":"boiler","data":{"id":7,"method":"get","params":{}}}`, "device/boiler/get", "", "device/boiler/rpc/7"},
		{"takes shared attributes", "v1/gateway/attributes", `{"device":"boiler","data":{"setpoint":60}}`, "device/boiler/set", `{"setpoint":60}`, ""},
		{"takes calls for the gateway", "v1/devices/me/rpc/request/4", `{"method":"get","params":{}}`, "device/box/get", "", "device/box/rpc/4"},
		{"ignores attributes that are deleted", "v1/gateway/attributes", `{"device":"boiler","deleted":["a"]}`, "", "", ""},
		{"ignores devices that are no names", "v1/gateway/rpc", `{"device":"../#","data":{"id":7,"method":"get"}}`, "", "", ""},
		{"ignores methods that are no names", "v1/gateway/rpc", `{"device":"a","data":{"id":7,"method":"x/+"}}`, "", "", ""},
		{"ignores what is no JSON", "v1/gateway/rpc", `{`, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, ok := tb.down(mqtt.Message{Topic: c.topic, Payload: []byte(c.payload)})
			if !ok {
				here = mqtt.Message{}
			}
			if here.Topic != c.want || string(here.Payload) != c.wantPayload || here.ResponseTopic != c.reply {
				t.Errorf("got %+v", here)
			}
		})
	}
}

// startThingsBoard runs a bridge to a cloud that plays ThingsBoard: it calls a
// method of a device as soon as that is connected.
func startThingsBoard(t *testing.T) (*site, *strict) {
	t.Helper()
	cloud := startStrict(t, laws["thingsboard"], nil)
	cloud.down = func(f packet.Frame) []byte {
		var p packet.Publish
		if f.Type() != packet.PUBLISH || p.Decode(packet.V5, f) != nil || string(p.Topic) != tbConnect || !strings.Contains(string(p.Payload), "boiler") {
			return nil
		}
		call := mqtt.Message{Topic: tbRPC, Payload: []byte(`{"device":"boiler","data":{"id":3,"method":"setpoint","params":60}}`)}
		return (&packet.Outgoing{Message: &call, QoS: 1, ID: 1}).Append(nil, packet.V5)
	}
	c := For("thingsboard")
	c.Preset, c.URL, c.ClientID, c.Username = "thingsboard", "mqtt://"+cloud.addr(), "box", "token"
	s := startSite(t, c)
	s.connected()
	return s, cloud
}

func TestThingsBoardCallsAndIsAnswered(t *testing.T) {
	s, cloud := startThingsBoard(t)
	commands := s.server.Subscribe(t.Context(), "device/+/+/set")
	s.say("device/boiler/status", "online", true)
	for m := range commands {
		if m.Topic != "device/boiler/setpoint/set" || string(m.Payload) != "60" {
			t.Errorf("got %s %s", m.Topic, m.Payload)
		}
		if err := s.server.Publish(t.Context(), mqtt.Message{Topic: m.ResponseTopic, Payload: []byte(`{"ok":true}`), QoS: 1}); err != nil {
			t.Fatal(err)
		}
		break
	}
	until(t, "answered", func() bool { return len(cloud.on(tbRPC)) > 0 })
	if got := string(cloud.on(tbRPC)[0].Payload); got != `{"data":{"ok":true},"device":"boiler","id":3}` {
		t.Errorf("the answer is %s", got)
	}
	cloud.lawful(t)
}

func TestThingsBoardIsToldOfTwoDevicesAfterAnOutage(t *testing.T) {
	s, cloud := startThingsBoard(t)
	s.say("device/meter/status", "online", true)
	s.say("device/boiler/status", "online", true)
	s.settled()
	before := len(cloud.on(tbConnect))
	cloud.mu.Lock()
	for conn := range cloud.conns {
		conn.Close()
	}
	cloud.mu.Unlock()
	until(t, "both connected again", func() bool { return len(cloud.on(tbConnect)) >= before+2 })
	cloud.lawful(t)
}
