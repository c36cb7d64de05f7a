package broker

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

func retained(topic, payload string) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true}
}

func TestRetainedMessagesComeWithASubscription(t *testing.T) { // [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT-3.3.1-9], 3.1.1 [MQTT-3.3.1-8]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			p := dial(t, addr, v, "p")
			p.publish(retained("t/1", "old"))
			p.publish(retained("t/1", "new"))
			p.publish(retained("t/2", "x"))
			p.publish(retained("t/2", "")) // removed
			p.publish(retained("t/3", "y"))
			p.publish(text("t/3", "not retained", 1))
			c := dial(t, addr, v, "c")
			c.subscribe("t/+", 2)
			for _, want := range []string{"new", "y"} {
				if got := c.receive(); string(got.Payload) != want || !got.Retain || got.QoS != 1 {
					t.Errorf("got %+v, want %q", got, want)
				}
			}
			c.subscribe("t/3", 0) // again, for it is another filter [MQTT-3.8.4-4]
			if got := c.receive(); string(got.Payload) != "y" || !got.Retain || got.QoS != 0 {
				t.Errorf("got %+v", got)
			}
			c.ping()
		})
	}
}

func TestRetainIsClearedForThoseWhoListen(t *testing.T) { // [MQTT-3.3.1-12] [MQTT-3.3.1-13], 3.1.1 [MQTT-3.3.1-9]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c, kept := dial(t, addr, v, "c"), dial(t, addr, packet.V5, "kept")
			c.subscribe("t", 1)
			kept.subscribeAs(0, packet.Subscription{Filter: "t", QoS: 1, RetainAsPublished: true})
			p := dial(t, addr, v, "p")
			for _, payload := range []string{"x", ""} { // one that clears is delivered too
				p.publish(retained("t", payload))
				if got := c.receive(); got.Retain || string(got.Payload) != payload {
					t.Errorf("got %+v", got)
				}
				if got := kept.receive(); !got.Retain || string(got.Payload) != payload {
					t.Errorf("as published: got %+v", got)
				}
			}
		})
	}
}

func TestRetainHandlingIsObeyed(t *testing.T) { // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "c")
	c.publish(retained("t", "x"))
	for i, handling := range []packet.RetainHandling{packet.SendNoRetained, packet.SendRetainedIfNew, packet.SendRetained} {
		c.subscribeAs(uint32(i+1), packet.Subscription{Filter: "t", Retain: handling})
		if handling == packet.SendRetained {
			if got := c.receive(); !slices.Equal(got.ids, []uint32{3}) {
				t.Errorf("got %v", got.ids)
			}
		}
		c.ping()
	}
	c.subscribeAs(0, packet.Subscription{Filter: "+", Retain: packet.SendRetainedIfNew})
	c.receive()
	c.ping()
}

func TestSharedSubscriptionsBringNoRetainedMessages(t *testing.T) { // [MQTT-4.8.2]
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "c")
	c.publish(retained("t", "x"))
	c.subscribe("$share/g/t", 1)
	c.ping()
}

func TestManyRetainedMessagesComeWhole(t *testing.T) {
	cfg := Defaults()
	cfg.MaxQueued = 10 // they do not count
	s, addr := start(t, cfg)
	const n = 5000
	for i := range n {
		if err := s.Publish(t.Context(), retained(fmt.Sprintf("t/%05d", i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, addr, packet.V5, "c")
	c.subscribe("t/#", 1)
	for i := range n {
		if got, want := c.receive().Topic, fmt.Sprintf("t/%05d", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	c.ping()
}

func TestRetainedTopicsHaveALimit(t *testing.T) {
	cfg := Defaults()
	cfg.MaxRetained = 1
	_, addr := start(t, cfg)
	c := dial(t, addr, packet.V5, "c")
	for topic, want := range map[string]packet.Reason{"a": packet.NoMatching} {
		if r := c.publish(retained(topic, "x")); r != want {
			t.Errorf("%s: %v", topic, r)
		}
	}
	if r := c.publish(retained("b", "x")); r != packet.QuotaExceeded {
		t.Errorf("got %v", r)
	}
	if r := c.publish(retained("a", "y")); r != packet.NoMatching {
		t.Errorf("got %v", r)
	}
	c.publish(retained("a", ""))
	if r := c.publish(retained("b", "x")); r != packet.NoMatching {
		t.Errorf("got %v", r)
	}
}

// Who cannot be told that a message is not retained is heard by the others.
func TestMessageThatIsNotRetainedIsHeard(t *testing.T) {
	cfg := Defaults()
	cfg.MaxRetained = 0
	var log lines
	s, addr := start(t, cfg)
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	watch := dial(t, addr, packet.V5, "watch")
	watch.subscribe("t", 1)
	old, new := dial(t, addr, packet.V311, "old"), dial(t, addr, packet.V5, "new")
	old.publish(retained("t", "1"))
	once := retained("t", "2")
	once.QoS = 0
	new.publish(once)
	for _, want := range []string{"1", "2"} {
		if got := watch.receive(); string(got.Payload) != want {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	late := dial(t, addr, packet.V5, "late")
	late.subscribe("t", 1)
	late.ping()
	if n := strings.Count(strings.Join(log.all(), ""), "not retained"); n != 1 {
		t.Errorf("the log tells it %d times: %q", n, log.all())
	}
}

// TestRetainedValueIsNeverOlderThanALiveOne: while values of a topic change, who
// subscribes sees them only rise.
func TestRetainedValueIsNeverOlderThanALiveOne(t *testing.T) {
	s, addr := start(t, Defaults())
	for i := range 3000 { // gathering them takes a while
		if err := s.Publish(t.Context(), retained(fmt.Sprintf("other/%d", i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = s.Publish(t.Context(), retained("t", fmt.Sprintf("%09d", i))) // the topic is valid
			}
		}
	}()
	c := dial(t, addr, packet.V5, "c")
	for range 20 {
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		c.send((&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "#"}}}).Append(nil, packet.V5))
		c.send((&packet.Unsubscribe{ID: 2, Filters: []mqtt.Filter{"#"}}).Append(nil, packet.V5))
		last := ""
		for {
			f, err := c.reader.Next()
			if err != nil {
				t.Fatal(err)
			}
			if f.Type() == packet.UNSUBACK {
				break
			}
			if f.Type() == packet.PUBLISH {
				var p packet.Publish
				if err := p.Decode(packet.V5, f); err != nil {
					t.Fatal(err)
				}
				if string(p.Topic) != "t" {
					continue
				}
				if now := string(p.Payload); now < last {
					t.Fatalf("%s after %s", now, last)
				}
				last = string(p.Payload)
			}
		}
	}
	close(stop)
	<-done
}

func TestNewMessagesWaitWhileRetainedOnesAreGathered(t *testing.T) {
	s := New(Defaults(), quiet())
	in := s.newSession("a", true)
	in.inbox = &inbox{bell: make(chan struct{}, 1)}
	mark, _ := in.hold("t", tree.Options{QoS: 2}, true)
	if err := s.Publish(t.Context(), text("t", "new", 1)); err != nil {
		t.Fatal(err)
	}
	if m, ok := in.nextQueued(time.Now()); ok {
		t.Errorf("%s did not wait", m.Payload)
	}
	in.replay(mark, []retainedMessage{{message: &message{Message: retained("t", "old")}}}, tree.Options{QoS: 2})
	for _, want := range []string{"old", "new"} {
		if m, _ := in.nextQueued(time.Now()); string(m.Payload) != want {
			t.Errorf("got %s, want %s", m.Payload, want)
		}
	}
}
