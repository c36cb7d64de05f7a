package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"fieldmq/broker/bridge/sparkplug"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// startHosts is a server with hosts, and a durable edge node that is to reach it.
func startHosts(t *testing.T) (*strict, *life) {
	t.Helper()
	cloud := startStrict(t, law{qos: 1}, nil)
	c := For("")
	c.URL, c.ClientID, c.Format, c.Group = "mqtt://"+cloud.addr(), "box", formatSparkplug, "plant"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	l := newLife(t, t.TempDir(), c)
	l.say("device/box/info", `{"via":"box","points":[{"name":"uptime","type":"integer"}]}`, true)
	l.say("device/boiler/info", `{"via":"box","points":[{"name":"flow","type":"integer"}]}`, true)
	l.say("device/meter/info", `{"via":"box","points":[{"name":"energy","type":"integer"}]}`, true)
	return cloud, l
}

// run runs the bridge of a life until it is stopped.
func (l *life) run() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx); err != nil {
			l.t.Error(err)
		}
	})
	return func() { cancel(); running.Wait() }
}

// states has a device say a state for each of some values.
func (l *life) states(device, point string, from, to int) {
	l.t.Helper()
	for i := from; i <= to; i++ {
		l.say("device/"+device+"/state", fmt.Sprintf(`{"ts":%d,%q:%d}`, 1000*i, point, i), true)
	}
}

// told waits until nothing waits, and checks by all rules what the hosts were told.
func (l *life) told(cloud *strict) *hostView {
	l.t.Helper()
	until(l.t, "nothing waits", func() bool { return l.Stats().Queued == 0 })
	h := newHostView(l.t)
	h.take(cloud.on("spBv1.0/#")...)
	cloud.lawful(l.t)
	return h
}

// pastOf checks the values of a point that are of the past, each once. What was current
// before the birth may be among them.
func (h *hostView) pastOf(name string, from, to int) {
	h.t.Helper()
	got := slices.DeleteFunc(slices.Clone(h.past), func(s string) bool { return !strings.HasPrefix(s, name+"=") })
	var want []string
	for i := from; i <= to; i++ {
		want = append(want, fmt.Sprintf("%s=%d@%d", name, i, 1000*i))
	}
	got = slices.DeleteFunc(slices.Compact(got), func(s string) bool { return strings.HasPrefix(s, fmt.Sprintf("%s=%d@", name, to+1)) })
	if !slices.Equal(got, want) {
		h.t.Errorf("the past of %s has %d values %.300v, want %d", name, len(got), got, len(want))
	}
}

func TestWhatWaitsForHostsSurvivesKill9(t *testing.T) {
	const all = 500
	cloud, l := startHosts(t)
	l.states("boiler", "flow", 1, all)
	l = l.crash()
	if s := l.Stats(); s.Queued != all || s.Produced != all {
		t.Fatalf("after kill -9: %+v", s.Account)
	}
	l.say("device/boiler/status", "online", true)
	stop := l.run()
	h := l.told(cloud)
	h.pastOf("boiler/flow", 1, all-1)
	h.want("boiler/flow", int64(all))
	l.states("boiler", "flow", all+1, all+1)
	l.told(cloud).want("boiler/flow", int64(all+1))
	if a := l.Accounts()["boiler"]; a.Produced != all+1 || a.Delivered != all+1 {
		t.Errorf("the boiler's account is %+v", a)
	}
	stop()
	if err := l.feed.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l = l.crash()
	if s := l.Stats(); s.Delivered != all+1 || s.Queued != 0 {
		t.Errorf("in the next life: %+v", s.Account)
	}
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// Data has QoS 0: what was written may be lost with the connection.
func TestDataCountsAsDeliveredWhenTheServerHasReadIt(t *testing.T) {
	const all = 300
	cloud, l := startHosts(t)
	cloud.mu.Lock()
	cloud.deaf = true
	cloud.mu.Unlock()
	l.say("device/boiler/status", "online", true)
	l.states("boiler", "flow", 1, all)
	defer l.run()()
	until(t, "data", func() bool { return len(cloud.on("spBv1.0/plant/DDATA/box/boiler")) > 0 })
	if s := l.Stats(); s.Delivered != 0 {
		t.Errorf("%d delivered, and nobody has said so", s.Delivered)
	}
	cloud.mu.Lock()
	cloud.deaf = false
	for c := range cloud.conns {
		c.Close()
	}
	cloud.mu.Unlock()
	born := func(m mqtt.Message) bool { return m.Topic == "spBv1.0/plant/NBIRTH/box" }
	until(t, "born again", func() bool { return len(cloud.on("spBv1.0/plant/NBIRTH/box")) == 2 })
	l.told(cloud)
	came := cloud.on("spBv1.0/#")
	first := slices.IndexFunc(came, born)
	again := first + 1 + slices.IndexFunc(came[first+1:], born)
	h := newHostView(t)
	h.take(came[again:]...) // as if all before had been lost on the way
	h.pastOf("boiler/flow", 1, all-1)
}

func TestThePastOfADeviceWaitsForItsBirth(t *testing.T) {
	cloud, l := startHosts(t)
	l.states("meter", "energy", 1, 50)
	l.states("boiler", "flow", 1, 50)
	l.say("device/foreign/state", `{"ts":1,"x":1}`, true)
	l.say("device/boiler/status", "online", true)
	l.say("device/meter/status", "offline", true)
	defer l.run()()
	until(t, "all but the meter's", func() bool { return l.Stats().Queued == 50 })
	h := newHostView(t)
	h.take(cloud.on("spBv1.0/#")...)
	h.pastOf("boiler/flow", 1, 49)
	if h.born["meter"] {
		t.Error("a device that is offline is born")
	}
	l.say("device/meter/status", "online", true)
	h = l.told(cloud)
	h.pastOf("meter/energy", 1, 50)
	if a := l.Accounts()["foreign"]; a.Dropped[droppedFormat] != 1 {
		t.Errorf("a device of someone else: %+v", a)
	}
}

// A host that goes and comes makes the births and what waits come again, with the next
// number of the connection.
func TestDataWaitsForThePrimaryHost(t *testing.T) {
	cloud, l := startHosts(t)
	l.config.PrimaryHost = "scada"
	online := true
	cloud.down = func(f packet.Frame) []byte {
		if f.Type() != packet.SUBSCRIBE {
			return nil
		}
		cloud.mu.Lock()
		defer cloud.mu.Unlock()
		m := mqtt.Message{Topic: "spBv1.0/STATE/scada", Payload: fmt.Appendf(nil, `{"online":%v,"timestamp":%d}`, online, len(cloud.hellos)), Retain: true}
		return (&packet.Outgoing{Message: &m}).Append(nil, packet.V5)
	}
	host := func(on bool) {
		t.Helper()
		cloud.mu.Lock()
		online = on
		dials := len(cloud.hellos)
		for c := range cloud.conns {
			c.Close()
		}
		cloud.mu.Unlock()
		until(t, "another connection", func() bool {
			cloud.mu.Lock()
			defer cloud.mu.Unlock()
			return len(cloud.hellos) > dials
		})
	}
	l.say("device/boiler/status", "online", true)
	defer l.run()()
	until(t, "born", func() bool { return len(cloud.on("spBv1.0/plant/DBIRTH/box/boiler")) == 1 })
	host(false)
	l.states("boiler", "flow", 1, 20)
	if s := l.Stats(); s.Queued != 20 {
		t.Errorf("%+v while the host is away", s.Account)
	}
	host(true)
	h := l.told(cloud)
	h.pastOf("boiler/flow", 1, 19)
	h.want("boiler/flow", int64(20))
	births := cloud.on("spBv1.0/plant/NBIRTH/box")
	var numbers []any
	for _, m := range births {
		p, err := sparkplug.Parse(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, p.Metrics[0].Value)
	}
	if fmt.Sprint(numbers) != "[0 2]" {
		t.Errorf("the connections of the births are %v", numbers)
	}
}
