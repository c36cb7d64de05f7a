package broker

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// memory is a store that outlives servers.
type memory struct {
	mu        sync.Mutex
	records   []Record
	committed int
	broken    error
}

func (m *memory) Append(r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
	return nil
}

func (m *memory) Commit(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.committed = len(m.records)
	return m.broken
}

func (m *memory) Load() iter.Seq2[Record, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	records := slices.Clone(m.records)
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// crash is what is left of a store when the server dies at this moment.
func (m *memory) crash() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{records: slices.Clone(m.records[:m.committed])}
}

// startOn starts a server on a store.
func startOn(t *testing.T, store Store) (s *Server, addr string) {
	t.Helper()
	cfg := Defaults()
	cfg.SysInterval = 0
	s = New(cfg, quiet())
	s.Store = store
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	run(t, func(ctx context.Context) error { return s.Run(ctx) })
	return s, listen(t, s, ListenerOptions{Name: "test", Anonymous: true})
}

func TestSessionsAndMessagesSurviveACrash(t *testing.T) {
	store := &memory{}
	_, addr := startOn(t, store)
	c := dialAs(t, addr, lasting(packet.V5, "c"))
	c.subscribeAs(5, packet.Subscription{Filter: "t/+", QoS: 2})
	c.subscribe("dropped", 1)
	c.send((&packet.Unsubscribe{ID: 1, Filters: []mqtt.Filter{"dropped"}}).Append(nil, packet.V5))
	c.next(packet.UNSUBACK)
	p := dialAs(t, addr, lasting(packet.V5, "p"))
	p.publish(retained("r/kept", "1"))
	p.publish(retained("r/removed", "1"))
	p.publish(retained("r/removed", ""))
	for _, payload := range []string{"settled", "released", "sent"} {
		p.publish(text("t/x", payload, 2))
	}
	c.receive()
	released := c.take()
	c.sendAck(packet.PUBREC, released.id)
	c.lookAhead(packet.PUBREL)
	c.ack(packet.PUBREL, released.id)
	sent := c.take()
	p.send(p.packet(text("t/x", "once", 2), 77))
	p.ack(packet.PUBREC, 77)
	p.publish(text("t/x", "last", 1)) // its acknowledgement covers all before

	s, addr := startOn(t, store.crash())
	c = dialAs(t, addr, lasting(packet.V5, "c"))
	if !c.present {
		t.Fatal("the session is gone")
	}
	c.ack(packet.PUBREL, released.id)
	if g := c.take(); g.id != sent.id || !g.dup || string(g.Payload) != "sent" || !slices.Equal(g.ids, []uint32{5}) {
		t.Errorf("got %+v, want %+v again", g, sent)
	}
	for _, want := range []string{"once", "last"} {
		if g := c.take(); string(g.Payload) != want {
			t.Errorf("got %+v, want %s", g, want)
		}
	}
	p = dialAs(t, addr, lasting(packet.V5, "p"))
	again := p.packet(text("t/x", "once", 2), 77)
	again[0] |= 8 // DUP
	p.send(again)
	p.ack(packet.PUBREC, 77)
	p.sendAck(packet.PUBREL, 77)
	p.ack(packet.PUBCOMP, 77)
	c.ping()
	if n := s.retained.Len(); n != 1 {
		t.Errorf("%d retained messages", n)
	}
	if n := s.tree.Len(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
}

func TestWillsSurviveACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		first := New(Defaults(), quiet())
		first.Store = store
		for id, o := range map[string]ConnectOptions{
			"gone":    {Will: &mqtt.Message{Topic: "gone", Payload: []byte("offline"), Retain: true}},
			"waits":   {Will: &mqtt.Message{Topic: "waits", Payload: []byte("offline"), Retain: true}, WillDelay: time.Minute},
			"in good": {Will: &mqtt.Message{Topic: "good", Payload: []byte("offline"), Retain: true}},
		} {
			o.ClientID = id
			c, err := first.Connect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if id == "in good" {
				c.Disconnect()
			}
		}
		if err := store.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		second := New(Defaults(), quiet())
		second.Store = store.crash()
		if err := second.Load(); err != nil {
			t.Fatal(err)
		}
		if _, spoken := second.retained.Get("gone"); !spoken || second.retained.Len() != 1 {
			t.Errorf("%d wills are spoken", second.retained.Len())
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- second.Run(ctx) }()
		time.Sleep(time.Minute + time.Second)
		if _, spoken := second.retained.Get("waits"); !spoken {
			t.Error("the will with a delay is not spoken")
		}
		cancel()
		<-ended
		if n := len(second.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func TestNothingIsAcknowledgedThatTheStoreDoesNotHave(t *testing.T) { // 3.1.1 [MQTT-4.8.0-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			store := &memory{}
			_, addr := startOn(t, store)
			c := dial(t, addr, v, "c")
			c.publish(text("t", "x", 1))
			store.mu.Lock()
			store.broken = errors.New("disk full")
			store.mu.Unlock()
			c.send(c.packet(text("t", "x", 1), 1))
			c.disconnected(packet.Unspecified)
		})
	}
}
