package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestProcessPublishesAndSubscribes(t *testing.T) {
	s, addr := start(t, Defaults())
	if err := s.Publish(t.Context(), retained("t/1", "before")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages := s.Subscribe(ctx, "t/#", "other")
	c := dial(t, addr, packet.V5, "c")
	c.subscribe("t/+", 1)
	c.receive()
	dial(t, addr, packet.V5, "p").publish(text("t/2", "from outside", 2))
	c.receive()
	if err := s.Publish(t.Context(), text("t/3", "from inside", 1), text("other", "last", 0)); err != nil {
		t.Fatal(err)
	}
	if got := string(c.receive().Payload); got != "from inside" {
		t.Errorf("got %q", got)
	}
	var all []string
	for m := range messages {
		all = append(all, fmt.Sprintf("%s %s %d %v", m.Topic, m.Payload, m.QoS, m.Retain))
		if string(m.Payload) == "last" {
			cancel()
		}
	}
	want := []string{"t/1 before 1 true", "t/2 from outside 2 false", "t/3 from inside 1 false", "other last 0 false"}
	if !slices.Equal(all, want) {
		t.Errorf("got %q, want %q", all, want)
	}
	waitFor(t, "end of the subscription", func() bool { return s.tree.Len() == 1 })
}

func TestSubscriptionThatNobodyReadsEndsWithItsContext(t *testing.T) {
	s, _ := start(t, Defaults())
	ctx, cancel := context.WithCancel(t.Context())
	s.Subscribe(ctx, "#")
	cancel()
	waitFor(t, "end of the subscription", func() bool { return s.tree.Len() == 0 })
}

func TestSubscriptionInTheProcessIsBounded(t *testing.T) {
	cfg := Defaults()
	cfg.MaxQueued = 5
	s, _ := start(t, cfg)
	s.Subscribe(t.Context(), "#")
	for range 8 {
		if err := s.Publish(t.Context(), text("t", "x", 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Figures().Dropped.Load(); got != 3 {
		t.Errorf("dropped %d", got)
	}
}

func TestTopicsThatAreNoneAreNotPublished(t *testing.T) {
	s, _ := start(t, Defaults())
	for _, topic := range []string{"", "a/#", "+", "a\x00", "\xff"} {
		if err := s.Publish(t.Context(), text("good", "x", 0), text(topic, "x", 0)); err == nil {
			t.Errorf("%q was", topic)
		}
	}
}

func TestWillOfAClientInTheProcess(t *testing.T) {
	will := mqtt.Message{Topic: "w", Payload: []byte("offline"), Retain: true}
	for name, c := range map[string]struct {
		end    func(*Client)
		delay  time.Duration
		back   bool
		spoken int
	}{
		"is spoken when it is dropped":         {(*Client).Drop, 0, false, 1},
		"is spoken after its delay":            {(*Client).Drop, time.Minute, false, 1},
		"is forgotten when it disconnects":     {(*Client).Disconnect, 0, false, 0},
		"is forgotten when it is back in time": {(*Client).Drop, time.Minute, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
				texts := b.observe(t, "w")
				o := ConnectOptions{ClientID: "meter", Will: &will, WillDelay: c.delay}
				client, err := b.server.Connect(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				c.end(client)
				if got := len(texts()); c.delay > 0 && got != 0 {
					t.Error("spoken at once")
				}
				if c.back {
					if _, err := b.server.Connect(t.Context(), o); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Minute)
				if got := len(texts()); got != c.spoken {
					t.Errorf("spoken %d times", got)
				}
				c.end(client) // again, which does nothing
				if err := client.Publish(t.Context(), text("t", "x", 0)); !errors.Is(err, ErrGone) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestNobodyOutsideTakesAnIDOfTheProcess(t *testing.T) { // [MQTT-3.1.3-8]
	s, addr := start(t, Defaults())
	client, err := s.Connect(t.Context(), ConnectOptions{ClientID: "meter"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range both {
		c := open(t, addr, v)
		c.send((&packet.Connect{Version: v, CleanStart: true, ClientID: "meter"}).Append(nil))
		if r := c.connack(); r != packet.ClientIDInvalid {
			t.Errorf("got %v", r)
		}
		c.closed()
	}
	if err := client.Publish(t.Context(), text("t", "x", 0)); err != nil {
		t.Error(err)
	}
	client.Disconnect()
	dial(t, addr, packet.V5, "meter").ping()
}

func TestProcessTakesAnIDOver(t *testing.T) {
	s, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "meter")
	if _, err := s.Connect(t.Context(), ConnectOptions{ClientID: "meter"}); err != nil {
		t.Fatal(err)
	}
	c.disconnected(packet.TakenOver)
}

func TestClientInTheProcessCostsNoGoroutine(t *testing.T) {
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		synctest.Wait()
		before := goroutines()
		for i := range 100 {
			if _, err := b.server.Connect(t.Context(), ConnectOptions{ClientID: fmt.Sprint(i), Will: &mqtt.Message{Topic: "w"}}); err != nil {
				t.Fatal(err)
			}
		}
		if after := goroutines(); after > before { // those of other tests may end
			t.Errorf("%d goroutines more", after-before)
		}
	})
}
