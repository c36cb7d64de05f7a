package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// What gives way in a full queue is counted, and the rest keeps its order.
func TestFullQueuesGiveWayAsConfigured(t *testing.T) {
	type sent struct {
		qos  mqtt.QoS
		size int // of padding
	}
	one, big := sent{qos: 1}, sent{qos: 1, size: 1000}
	for _, c := range []struct {
		name     string
		overflow Overflow
		sent     []sent
		want     []string
	}{
		{"keeps what came first", DropNewest, []sent{one, one, one, one, one}, []string{"0", "1", "2"}},
		{"keeps what came last", DropOldest, []sent{one, one, one, one, one}, []string{"2", "3", "4"}},
		{"counts bytes, and keeps what came first", DropNewest, []sent{big, big, one}, []string{"0", "2"}},
		{"counts bytes, and keeps what came last", DropOldest, []sent{one, big, big}, []string{"2"}},
		{"drops what is too large for any queue", DropOldest, []sent{one, {qos: 1, size: 3000}, one}, []string{"0", "2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Defaults()
			cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.QueueFull = 3, 2000, c.overflow
			s, addr := start(t, cfg)
			a := dialAs(t, addr, lasting(packet.V5, "a"))
			a.subscribe("t", 2)
			a.leave()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			p := dial(t, addr, packet.V5, "p")
			for i, m := range c.sent {
				p.publish(text("t", fmt.Sprint(i)+string(make([]byte, m.size)), m.qos))
			}
			if dropped, want := s.figures.Dropped.Load(), int64(len(c.sent)-len(c.want)); dropped != want {
				t.Errorf("%d are counted as dropped, want %d", dropped, want)
			}
			var got []string
			a = dialAs(t, addr, lasting(packet.V5, "a"))
			for range c.want {
				got = append(got, string(a.receive().Payload[:1]))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			a.ping()
		})
	}
}

// A message of QoS 0 is no reason to drop one that was acknowledged.
func TestHigherQoSDoesNotGiveWay(t *testing.T) {
	cfg := Defaults()
	cfg.MaxQueued, cfg.QueueFull = 2, DropOldest
	s := New(cfg, quiet())
	held := s.create("a", true, false)
	held.inbox = &inbox{bell: make(chan struct{}, 1)}
	for i, qos := range []mqtt.QoS{1, 1, 0} {
		m := text("t", fmt.Sprint(i), qos)
		held.enqueue(delivery{message: &message{Message: m}, qos: qos})
	}
	for _, want := range []string{"0", "1"} {
		if m, ok := held.nextQueued(time.Now()); !ok || string(m.Payload) != want {
			t.Errorf("got %q, %v, want %s", m.Payload, ok, want)
		}
	}
	if n := s.figures.Dropped.Load(); n != 1 {
		t.Errorf("%d are dropped", n)
	}
}
