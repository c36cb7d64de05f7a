package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

func TestMessagesBecomeRequests(t *testing.T) {
	b := newBench(t, plant())
	write := func(name string, v drivers.Value) drivers.Command {
		return drivers.Command{Point: b.points[name], Value: v}
	}
	for _, c := range []struct {
		name, topic, payload string
		want                 Request
	}{
		{"writes a plain value", "device/boiler/setpoint/set", "60.5",
			Request{Commands: []drivers.Command{write("setpoint", drivers.Int(605))}}},
		{"takes a point's own topic", "cellar/pump/set", "on",
			Request{Commands: []drivers.Command{write("pump", drivers.Bool(true))}}},
		{"keeps the order of an object", "device/boiler/set", ` {"pump":true, "mode":"off", "energy":1.5, "setpoint":"31"} `,
			Request{Commands: []drivers.Command{
				write("pump", drivers.Bool(true)), write("mode", drivers.Int(0)),
				write("energy", drivers.Float(1.5)), write("setpoint", drivers.Int(310)),
			}}},
		{"reads a device", "device/boiler/get", "", Request{Get: true}},
		{"reads a device whatever the payload", "device/boiler/get", "now", Request{Get: true}},
	} {
		c.want.Device = "boiler"
		got, err := b.Request(mqtt.Message{Topic: c.topic, Payload: []byte(c.payload)})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestFaultyRequestsAreRefusedAsAWhole(t *testing.T) {
	b := newBench(t, plant())
	for _, c := range []struct{ topic, payload, want string }{
		{"device/boiler/setpoint/set", "85.5", `{"ok":false,"point":"setpoint","error":"85.5 is above the maximum 85"}`},
		{"device/boiler/mode/set", "hot", `{"ok":false,"point":"mode","error":"\"hot\" is none of off, heating, fault"}`},
		{"device/boiler/flow/set", "1", `{"ok":false,"point":"flow","error":"read-only point"}`},
		{"device/boiler/setpoint/set", strings.Repeat("1", mostValue+1), `{"ok":false,"point":"setpoint","error":"1025 bytes are too long for a value"}`},
		{"device/boiler/pressure/set", "1", `{"ok":false,"error":"there is no point \"pressure\""}`},
		{"device/boiler/pump/set", "on", `{"ok":false,"error":"pump has a topic of its own: publish to cellar/pump/set"}`},
		{"device/boiler/a/b/set", "1", `{"ok":false,"error":"there is no point \"a/b\""}`},
		{"device/boiler/set", `{"pump":true,"setpoint":20}`, `{"ok":false,"error":"setpoint: 20 is below the minimum 30"}`},
		{"device/boiler/set", `{"pump":true,"pump":false}`, `{"ok":false,"error":"\"pump\" is given twice"}`},
		{"device/boiler/set", `{"pump":true,"Pump":false}`, `{"ok":false,"error":"there is no point \"Pump\""}`},
		{"device/boiler/set", `{"pump":true,"flow":20}`, `{"ok":false,"error":"flow: read-only point"}`},
		{"device/boiler/set", `{"pump":null}`, `{"ok":false,"error":"\"pump\": the value must be a bool, a number or a text"}`},
		{"device/boiler/set", `{"pump":[1]}`, `{"ok":false,"error":"\"pump\": the value must be a bool, a number or a text"}`},
		{"device/boiler/set", `{"setpoint":1e400}`, `{"ok":false,"error":"setpoint: 1e400 is too large"}`},
		{"device/boiler/set", `{}`, `{"ok":false,"error":"the object names no point"}`},
		{"device/boiler/set", `{"pump":true} {}`, notObject},
		{"device/boiler/set", `{"pump":true,}`, notObject},
		{"device/boiler/set", `[{"pump":true}]`, notObject},
		{"device/boiler/set", `true`, notObject},
		{"device/boiler/set", ``, notObject},
		{"device/boiler/set", "{\"pump\":\"\xff\"}", notObject},
		{"device/boiler/set", `{"pump":"` + strings.Repeat("x", mostObject) + `"}`, `{"ok":false,"error":"16395 bytes are too long for an object of values: send at most 16384 at a time"}`},
	} {
		m := mqtt.Message{Topic: c.topic, Payload: []byte(c.payload)}
		r, err := b.Request(m)
		if err == nil || len(r.Commands) > 0 || r.Get || r.Device != "boiler" {
			t.Errorf("%s %.40s gives %v, %v", c.topic, c.payload, r, err)
		}
		reply, ok := b.Reply(m, r, err)
		if !ok || reply.Topic != "device/boiler/reply" || string(reply.Payload) != c.want {
			t.Errorf("%s %.40s is answered %s %s, want %s", c.topic, c.payload, reply.Topic, reply.Payload, c.want)
		}
	}
}

const notObject = `{"ok":false,"error":"the payload is no JSON object such as {\"setpoint\":60}"}`

func TestRetainedCommandsAreRefused(t *testing.T) {
	b := newBench(t, plant())
	for _, topic := range []string{"device/boiler/pump/set", "cellar/pump/set", "device/boiler/set", "device/boiler/get"} {
		r, err := b.Request(mqtt.Message{Topic: topic, Payload: []byte("on"), Retain: true})
		if err == nil || len(r.Commands) > 0 || r.Get {
			t.Errorf("%s gives %v, %v", topic, r, err)
		}
	}
}

func TestMessagesToOthersGetNoReply(t *testing.T) {
	b := newBench(t, plant())
	for _, topic := range []string{"device/tank/set", "device", "boiler/pump/set", "cellar/pump", "", "/"} {
		m := mqtt.Message{Topic: topic}
		r, err := b.Request(m)
		if err == nil {
			t.Errorf("%q gives %v", topic, r)
		}
		if reply, ok := b.Reply(m, r, err); ok {
			t.Errorf("%q is answered %s", topic, reply.Payload)
		}
	}
}

func TestRepliesTellWhatWasWritten(t *testing.T) {
	b := newBench(t, plant())
	for _, c := range []struct {
		topic, payload, want string
		err                  error
	}{
		{"device/boiler/setpoint/set", "60.5", `{"ok":true,"point":"setpoint","value":60.5}`, nil},
		{"device/boiler/energy/set", "1.25", `{"ok":true,"point":"energy","value":1.25}`, nil},
		{"device/boiler/mode/set", "heating", `{"ok":true,"point":"mode","value":"heating"}`, nil},
		{"cellar/pump/set", "1", `{"ok":true,"point":"pump","value":true}`, nil},
		{"device/boiler/set", `{"mode":"off","pump":"off"}`, `{"ok":true,"values":{"mode":"off","pump":false}}`, nil},
		{"device/boiler/get", "", `{"ok":true}`, nil},
		{"cellar/pump/set", "1", `{"ok":false,"point":"pump","error":"no answer"}`, drivers.ErrOffline},
		{"device/boiler/get", "", `{"ok":false,"error":"bus lost"}`, drivers.ErrBus},
		{"cellar/pump/set", "1", `{"ok":false,"point":"pump","unsure":true,"error":"no answer: ` + drivers.ErrUnsure.Error() + `"}`,
			fmt.Errorf("%w: %w", drivers.ErrOffline, drivers.ErrUnsure)},
	} {
		m := mqtt.Message{Topic: c.topic, Payload: []byte(c.payload), QoS: mqtt.AtLeastOnce}
		r, err := b.Request(m)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := b.Reply(m, r, c.err)
		want := mqtt.Message{
			Topic: "device/boiler/reply", Payload: []byte(c.want), QoS: mqtt.AtLeastOnce,
			UTF8: true, ContentType: "application/json",
		}
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s: got %v, want %v", c.topic, c.payload, got, want)
		}
	}
}

func TestRepliesGoWhereTheyMay(t *testing.T) {
	b := newBench(t, plant())
	for _, c := range []struct{ response, want string }{
		{"", "device/boiler/reply"},
		{"dashboard/7/answers", "dashboard/7/answers"},
		{"device/dashboard/reply", "device/dashboard/reply"},
		{"device/dashboard/reply/7", "device/dashboard/reply/7"},
		{"device/boiler/status", "device/boiler/reply"},
		{"device/boiler/setpoint/set", "device/boiler/reply"},
		{"device/boiler/reply/set", "device/boiler/reply"},
		{"$SYS/broker/uptime", "device/boiler/reply"},
		{"answers/#", "device/boiler/reply"},
	} {
		m := mqtt.Message{Topic: "device/boiler/get", ResponseTopic: c.response, CorrelationData: []byte{0, 7}}
		r, err := b.Request(m)
		got, ok := b.Reply(m, r, err)
		if !ok || got.Topic != c.want || !slices.Equal(got.CorrelationData, m.CorrelationData) {
			t.Errorf("response topic %q: the reply goes to %s with %v", c.response, got.Topic, got.CorrelationData)
		}
	}
}

func TestFiltersTakeEveryCommandAndNothingThatIsSaid(t *testing.T) {
	b := newBench(t, plant())
	var filters []mqtt.Filter
	for id := range b.byID {
		filters = append(filters, b.Filters(id)...)
	}
	matches := func(topic string) bool {
		return slices.ContainsFunc(filters, func(f mqtt.Filter) bool { return f.Valid() && f.Match(topic) })
	}
	for topic := range b.targets {
		if !matches(topic) {
			t.Errorf("nothing in %v takes %s", filters, topic)
		}
	}
	for _, m := range b.Clear("boiler") {
		if matches(m.Topic) {
			t.Errorf("%v takes %s, which we publish", filters, m.Topic)
		}
	}
	if matches("device/boiler/reply") || matches("device/tank/set") {
		t.Errorf("%v take what is not ours", filters)
	}
}

// TestRequestsMayComeWhileSamplesDo is for the race detector.
func TestRequestsMayComeWhileSamplesDo(t *testing.T) {
	b := newBench(t, plant())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			m := mqtt.Message{Topic: "device/boiler/set", Payload: []byte(`{"pump":true,"mode":"off"}`)}
			r, err := b.Request(m)
			if _, ok := b.Reply(m, r, err); !ok || err != nil {
				t.Errorf("got %v", err)
			}
			b.Filters("boiler")
			b.Info("boiler")
			b.Clear("boiler")
		}
	}()
	for i := range 1000 {
		b.hears(b.good("flow", drivers.Int(int64(i))), b.good("mode", drivers.Int(int64(i%3))))
	}
	<-done
}

func FuzzRequest(f *testing.F) {
	for _, s := range []struct{ topic, payload string }{
		{"device/boiler/setpoint/set", "60.5"},
		{"device/boiler/setpoint/set", "1e-999999999"},
		{"device/boiler/energy/set", "-1.7e308"},
		{"device/boiler/mode/set", "heating"},
		{"cellar/pump/set", "on"},
		{"device/boiler/set", `{"setpoint":60,"mode":"off","pump":true}`},
		{"device/boiler/set", `{"setpoint":"60","setpoint":60}`},
		{"device/boiler/set", `{"a":{"b":[null]}}`},
		{"device/boiler/get", ""},
		{"device/boiler", "{"},
	} {
		f.Add(s.topic, []byte(s.payload))
	}
	b := newBench(f, plant())
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		m := mqtt.Message{Topic: topic, Payload: payload, ResponseTopic: topic}
		r, err := b.Request(m)
		if err != nil && (r.Get || len(r.Commands) > 0) {
			t.Fatalf("refused with %v, and yet %v", err, r)
		}
		for _, c := range r.Commands {
			if fault := allowed(c); fault != nil {
				t.Fatalf("%s %q commands %v = %v: %v", topic, payload, c.Point, c.Value, fault)
			}
		}
		if reply, ok := b.Reply(m, r, err); ok && !json.Valid(reply.Payload) {
			t.Fatalf("the reply is %q", reply.Payload)
		}
	})
}

// allowed says by its own arithmetic whether the plant takes a command.
func allowed(c drivers.Command) error {
	switch v := c.Value; c.Point.Name {
	case "setpoint":
		if v.Kind() != drivers.KindInt || v.Int() < 300 || v.Int() > 850 || v.Int()%5 != 0 {
			return errors.New("out of range or off its step")
		}
	case "mode":
		if v.Kind() != drivers.KindInt || v.Int() < 0 || v.Int() > 2 {
			return errors.New("no word")
		}
	case "pump":
		if v.Kind() != drivers.KindBool {
			return errors.New("no bool")
		}
	case "energy":
		if v.Kind() != drivers.KindFloat || v.Float()-v.Float() != 0 {
			return errors.New("no number")
		}
	default:
		return fmt.Errorf("%s is read-only", c.Point.Name)
	}
	return nil
}
