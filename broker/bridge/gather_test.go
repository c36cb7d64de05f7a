package bridge

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// unpack reads the texts of the batches on a topic, and of the messages beside
// them, in the order in which they came.
func unpack(t *testing.T, came []mqtt.Message, batch string) (texts []string, batches int) {
	t.Helper()
	for _, m := range came {
		if m.Topic != batch {
			texts = append(texts, string(m.Payload))
			continue
		}
		batches++
		var all []batched
		if err := json.Unmarshal(m.Payload, &all); err != nil {
			t.Fatalf("%s: %v", m.Payload, err)
		}
		for _, b := range all {
			texts = append(texts, *b.Text)
		}
	}
	return texts, batches
}

// batchedSite is a site with a backlog of n events, which it has not sent yet; go
// lets it.
func batchedSite(t *testing.T, cloud *strict, n int, change func(*Config)) (s *site, start func()) {
	t.Helper()
	p := startProxy(t, cloud.addr())
	p.set(func(p *proxy) { p.shut = true })
	conf := config(p.url())
	conf.Batch.Messages = 50
	if change != nil {
		change(&conf)
	}
	s = startSite(t, conf)
	until(t, "away", func() bool { return s.Stats().Trouble != "" })
	for i := range n {
		s.say("device/d"+strconv.Itoa(i%3)+"/event", strconv.Itoa(i), false)
	}
	return s, func() { p.set(func(p *proxy) { p.shut = false }) }
}

const batchHere = "site/device/box/batch"

// counted are the numbers below n as texts.
func counted(n int) (texts []string) {
	for i := range n {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

func TestBacklogGoesInBatches(t *testing.T) {
	const n = 500
	cloud := startStrict(t, law{qos: 2}, nil)
	s, start := batchedSite(t, cloud, n, nil)
	start()
	if st := s.settled(); st.Delivered != n {
		t.Errorf("delivered %d", st.Delivered)
	}
	cloud.lawful(t)
	texts, batches := unpack(t, slices.DeleteFunc(cloud.on("#"), func(m mqtt.Message) bool { return strings.HasSuffix(m.Topic, "/status") }), batchHere)
	if !slices.Equal(texts, counted(n)) {
		t.Errorf("got %q", texts)
	}
	if batches < n/50 || batches > n/50+2 {
		t.Errorf("%d batches", batches)
	}
	m := cloud.on(batchHere)[0]
	if m.Retain || m.ContentType != "application/json" || !slices.Contains(m.UserProperties, mqtt.UserProperty{Name: "batch", Value: "50"}) {
		t.Errorf("got %+v", m)
	}
}

func TestCurrentValuesAreInNoBatch(t *testing.T) {
	cloud := startStrict(t, law{qos: 2}, nil)
	s, start := batchedSite(t, cloud, 10, nil)
	for i := range 10 {
		s.say("device/d0/level", strconv.Itoa(100+i), true)
	}
	start()
	s.settled()
	if level := cloud.on("site/device/d0/level"); len(level) != 1 || string(level[0].Payload) != "109" || !level[0].Retain {
		t.Errorf("got %v", level)
	}
	texts, _ := unpack(t, cloud.on(batchHere), batchHere)
	if want := append(counted(10), counted(109)[100:]...); !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
}

func TestBatchesHeedLimits(t *testing.T) {
	cloud := startStrict(t, law{qos: 2, payload: 2000}, nil)
	s, start := batchedSite(t, cloud, 300, func(c *Config) { c.Limits.Payload = 2000 })
	start()
	s.settled()
	cloud.lawful(t)
	if texts, batches := unpack(t, cloud.on(batchHere), batchHere); !slices.Equal(texts, counted(300)) || batches < 10 {
		t.Errorf("%d batches: %q", batches, texts)
	}
}

func TestRefusedBatchIsSentOneByOne(t *testing.T) {
	cloud := startStrict(t, law{qos: 2}, nil)
	cloud.answer = func(p *packet.Publish) packet.Reason {
		if string(p.Topic) == batchHere || string(p.Payload) == "7" {
			return packet.NotAuthorized
		}
		return packet.Success
	}
	s, start := batchedSite(t, cloud, 100, nil)
	start()
	st := s.settled()
	if st.Delivered != 99 || st.Dropped[packet.NotAuthorized.String()] != 1 {
		t.Errorf("delivered %d, dropped %v", st.Delivered, st.Dropped)
	}
	texts, _ := unpack(t, cloud.on("site/device/+/event"), batchHere)
	texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(text, `"event":"gap"`) })
	if want := slices.Delete(counted(100), 7, 8); !slices.Equal(texts, want) {
		t.Errorf("got %q", texts)
	}
}

func TestBatchOverWhichTheServerHangsUpIsSentOneByOne(t *testing.T) {
	cloud := startStrict(t, law{qos: 2, payload: 200}, nil) // and does not say so
	s, start := batchedSite(t, cloud, 40, nil)
	start()
	s.settled()
	texts, batches := unpack(t, cloud.on("site/device/+/event"), batchHere)
	if !slices.Equal(texts, counted(40)) || batches != 0 {
		t.Errorf("%d batches, got %q", batches, texts)
	}
	if cloud.mu.Lock(); len(cloud.broken) != 1 {
		t.Errorf("the server hung up %d times: %q", len(cloud.broken), cloud.broken)
	}
	cloud.mu.Unlock()
}

func TestBatchesKeepTheirPace(t *testing.T) {
	cloud := startStrict(t, law{qos: 2}, nil)
	s, start := batchedSite(t, cloud, 200, func(c *Config) { c.Drain, c.Batch.Messages = 50, 25 })
	start()
	s.settled()
	cloud.mu.Lock()
	defer cloud.mu.Unlock()
	var first, last int
	for i, m := range cloud.came {
		if m.Topic == batchHere && first == 0 {
			first = i
		}
		if m.Topic == batchHere {
			last = i
		}
	}
	if took := cloud.times[last].Sub(cloud.times[first]).Seconds(); took < 3 { // 175 messages behind the first batch
		t.Errorf("200 messages at 50 a second took %.1f s", took)
	}
}

func TestThingsBoardGetsTheBacklogTogether(t *testing.T) {
	const n = 300
	cloud := startStrict(t, laws["thingsboard"], nil)
	p := startProxy(t, cloud.addr())
	p.set(func(p *proxy) { p.shut = true })
	c := For("thingsboard")
	c.Preset, c.URL, c.ClientID, c.Username = "thingsboard", p.url(), "box", "token"
	s := startSite(t, c)
	until(t, "away", func() bool { return s.Stats().Trouble != "" })
	for i := range n {
		s.say("device/d"+strconv.Itoa(i%3)+"/event", strconv.Itoa(i), false)
	}
	s.say("device/d0/status", "online", true)
	p.set(func(p *proxy) { p.shut = false })
	s.settled()
	cloud.lawful(t)
	moments := 0
	for _, m := range cloud.on(tbTelemetry) {
		var all map[string][]tbRecord
		if err := json.Unmarshal(m.Payload, &all); err != nil {
			t.Fatal(err)
		}
		for _, records := range all {
			moments += len(records)
		}
	}
	if got := len(cloud.on(tbTelemetry)); moments != n || got > n/100+2 {
		t.Errorf("%d moments in %d messages, want %d", moments, got, n)
	}
	if len(cloud.on(tbConnect)) != 1 {
		t.Error("the device is not connected")
	}
}
