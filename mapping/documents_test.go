package mapping

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// update is the one thing that flags need to be global for.
var update = flag.Bool("update", false, "write the files of testdata")

// golden compares a JSON payload with a file of testdata, which shows it indented.
func golden(t *testing.T, name string, payload []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, payload, "", "  "); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	got.WriteByte('\n')
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: got\n%swant\n%s", name, got.Bytes(), want)
	}
}

func TestDocumentsLookAsTheyDid(t *testing.T) {
	b := newBench(t, plant())
	messages := b.Messages([]drivers.Sample{
		b.good("flow", drivers.Int(214)),
		b.good("setpoint", drivers.Int(605)),
		b.good("mode", drivers.Int(1)),
		b.good("pump", drivers.Bool(true)),
		b.bad("serial", drivers.ErrNoValue),
		b.good("energy", drivers.Float(1204.456)),
	}, b.now)
	golden(t, "state.json", messages[len(messages)-1].Payload)
	golden(t, "info.json", b.Info("boiler").Payload)
	for name, h := range map[string]Health{
		"health-online.json": {
			Online: true, Since: b.now, Answered: 12, Failed: 1, RoundTrip: 8213 * time.Microsecond,
		},
		"health-gateway.json": {
			Online: true, Since: b.now, Answered: 1, Sessions: map[string]int64{"cloud": 1795209373, "plant": 7},
		},
		"health-offline.json": {
			Since: b.now, Reason: "3 polls without an answer", Failed: 3, LastError: `no answer to "read"`,
		},
	} {
		golden(t, name, HealthMessage(h).Payload)
	}
}

func TestDocumentsAreRetainedAndWhatIsRepeatedExpires(t *testing.T) {
	b := newBench(t, plant())
	for _, c := range []struct {
		got  mqtt.Message
		want mqtt.Message
	}{
		{b.Info("boiler"), mqtt.Message{Topic: "device/boiler/info", ContentType: "application/json"}},
		{HealthMessage(Health{Device: "tank", Heartbeat: time.Minute}),
			mqtt.Message{Topic: "device/tank/health", ContentType: "application/json", Expiry: 3 * time.Minute}},
		{Status("tank", true), mqtt.Message{Topic: "device/tank/status", ContentType: "text/plain", Payload: []byte("online")}},
		{Status("tank", false), mqtt.Message{Topic: "device/tank/status", ContentType: "text/plain", Payload: []byte("offline")}},
	} {
		c.want.QoS, c.want.Retain, c.want.UTF8 = mqtt.AtLeastOnce, true, true
		if c.want.Payload == nil {
			c.want.Payload = c.got.Payload
		}
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if m := b.Info("tank"); m.Topic != "" {
		t.Errorf("a device of another bus has the info %s", m.Payload)
	}
}

func TestClearEmptiesEveryRetainedTopic(t *testing.T) {
	b := newBench(t, plant())
	retained := map[string]bool{"device/boiler/health": true}
	for _, m := range append(b.Messages([]drivers.Sample{
		b.good("flow", drivers.Int(1)), b.good("setpoint", drivers.Int(1)), b.good("mode", drivers.Int(1)),
		b.good("pump", drivers.Bool(true)), b.good("serial", drivers.Text("")), b.good("energy", drivers.Float(1)),
	}, b.now), b.Info("boiler"), Status("boiler", true)) {
		retained[m.Topic] = true
	}
	for _, m := range b.Clear("boiler") {
		if !m.Retain || len(m.Payload) > 0 || !retained[m.Topic] {
			t.Errorf("%v clears nothing", m)
		}
		delete(retained, m.Topic)
	}
	if len(retained) > 0 {
		t.Errorf("%v stay", retained)
	}
	if got := b.Clear("tank"); got != nil {
		t.Errorf("a device of another bus is cleared by %v", got)
	}
}
