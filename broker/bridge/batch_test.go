package bridge

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

// someEntries are messages of every kind.
func someEntries() []*entry {
	came := time.UnixMilli(1_000)
	hop := mqtt.UserProperty{Name: propHop, Value: "box/cloud"}
	var all []*entry
	for _, m := range []mqtt.Message{
		{Topic: "s/a", Payload: []byte(`{"b":[1,"\u00e4"]}`), ContentType: "application/json", UserProperties: []mqtt.UserProperty{{Name: "ts", Value: "7"}, hop}},
		{Topic: "s/b", Payload: []byte(`plain "text"`), ContentType: "text/plain"},
		{Topic: "s/c", Payload: []byte{0, 255, 1}, ContentType: "image/x", UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}, {Name: "k", Value: "w"}}},
		{Topic: "s/d", ResponseTopic: "r", CorrelationData: []byte{1, 2}},
		{Topic: "s/e", Payload: []byte(`{no json`), ContentType: "application/json"},
	} {
		e := &entry{}
		e.message, e.came = m, came
		all = append(all, e)
	}
	return all
}

func batchOf(t *testing.T, b batcher, entries []*entry) mqtt.Message {
	t.Helper()
	var records [][]byte
	for _, e := range entries {
		r, ok := b.record(e)
		if !ok {
			t.Fatalf("%s goes by itself", e.message.Topic)
		}
		records = append(records, r)
	}
	return b.join(records)
}

func TestBatchesAreSmallAndWhole(t *testing.T) {
	want := `[{"topic":"s/a","ts":7,"json":{"b":[1,"\u00e4"]}},` +
		`{"topic":"s/b","ts":1000,"text":"plain \"text\""},` +
		`{"topic":"s/c","ts":1000,"base64":"AP8B","type":"image/x","user":[["k","v"],["k","w"]]},` +
		`{"topic":"s/d","ts":1000,"text":"","response":"r","correlation":"AQI="},` +
		`{"topic":"s/e","ts":1000,"text":"{no json"}]`
	for how, tool := range map[string][]string{compressNone: {"cat"}, compressGzip: {"gzip", "-d"}, compressZstd: {"zstd", "-d"}} {
		m := batchOf(t, &jsonBatcher{topic: "s/batch", compress: how, mark: "box/cloud"}, someEntries())
		cmd := exec.Command(tool[0], tool[1:]...)
		cmd.Stdin = bytes.NewReader(m.Payload)
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", how, err, out, want)
		}
	}
}

func TestCompressedBatchesAreSmallerByFar(t *testing.T) {
	var entries []*entry
	for i := range 200 {
		e := &entry{}
		e.came = time.UnixMilli(1_795_209_372_123 + 1000*int64(i))
		e.message = mqtt.Message{Topic: "site-a/device/meter-1/state", ContentType: "application/json", Payload: stateOf(i)}
		entries = append(entries, e)
	}
	plain := len(batchOf(t, &jsonBatcher{topic: "b", compress: compressNone}, entries).Payload)
	for _, how := range []string{compressGzip, compressZstd} {
		if small := len(batchOf(t, &jsonBatcher{topic: "b", compress: how}, entries).Payload); small > plain/4 {
			t.Errorf("%s: %d of %d bytes", how, small, plain)
		}
	}
}

func stateOf(i int) []byte {
	text, _ := json.Marshal(map[string]any{"ts": 1_795_209_372_123 + 1000*int64(i), "voltage": 230 + float64(i%13)/10, "current": float64(i*7%100) / 10, "power": 2300 + i*31%500})
	return text
}

func TestThingsBoardGetsTelemetryOfManyDevicesAtOnce(t *testing.T) {
	b := tbBatcher{&thingsBoard{gateway: "box"}}
	var entries []*entry
	for _, m := range []mqtt.Message{
		{Topic: "device/a/state", Payload: []byte(`{"ts":1,"x":1}`)},
		{Topic: "device/b/state", Payload: []byte(`{"ts":2,"x":2}`)},
		{Topic: "device/a/state", Payload: []byte(`{"ts":3,"x":3}`)},
	} {
		e := &entry{}
		e.message = m
		entries = append(entries, e)
	}
	m := batchOf(t, b, entries)
	const want = `{"a":[{"ts":1,"values":{"x":1}},{"ts":3,"values":{"x":3}}],"b":[{"ts":2,"values":{"x":2}}]}`
	if m.Topic != tbTelemetry || string(m.Payload) != want {
		t.Errorf("got %s %s", m.Topic, m.Payload)
	}
	e := &entry{}
	e.message = mqtt.Message{Topic: "device/a/status", Payload: []byte("online")}
	if _, ok := b.record(e); ok {
		t.Error("that a device is there goes into a batch of telemetry")
	}
}

// The decoder that the documentation shows is run as it stands there.
func TestDecoderOfTheDocumentationDecodes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/BATCHES.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(doc)
	if block == nil {
		t.Fatal("no Python in the documentation")
	}
	dir := t.TempDir()
	script := string(block[1]) + `
import sys
for topic, ts, body in messages(open(sys.argv[1], "rb").read(), json.loads(sys.argv[2])):
    print(topic, ts, base64.b64encode(body).decode())
`
	if err := os.WriteFile(filepath.Join(dir, "decode.py"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{compressNone, compressGzip, compressZstd} {
		m := batchOf(t, &jsonBatcher{topic: "b", compress: how}, someEntries())
		file := filepath.Join(dir, how)
		if err := os.WriteFile(file, m.Payload, 0o600); err != nil {
			t.Fatal(err)
		}
		var pairs [][2]string
		for _, p := range m.UserProperties {
			pairs = append(pairs, [2]string{p.Name, p.Value})
		}
		properties, err := json.Marshal(pairs)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/usr/bin/python3", filepath.Join(dir, "decode.py"), file, string(properties)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", how, err, out)
		}
		want := []string{
			"s/a 7 eyJiIjpbMSwiw6QiXX0=", "s/b 1000 cGxhaW4gInRleHQi", "s/c 1000 AP8B", "s/d 1000 ", "s/e 1000 e25vIGpzb24=",
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", how, got, want)
		}
	}
}
