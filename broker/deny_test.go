package broker

import (
	"context"
	"sync"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// silencing is an Access that lets all in and keeps some topics from all.
type silencing struct {
	NoUsers
	mu     sync.Mutex
	denied []mqtt.Filter
}

func (a *silencing) deny(filters ...mqtt.Filter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.denied = filters
}

func (a *silencing) Denied(*Peer) []mqtt.Filter {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.denied
}

func (a *silencing) MaySubscribe(p *Peer, f mqtt.Filter) bool {
	for _, d := range a.Denied(p) {
		if d.Match(string(f)) {
			return false
		}
	}
	return true
}

func TestDeniedTopicsDoNotComeByWiderSubscriptions(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			access, store := &silencing{}, &memory{}
			access.deny("secret/#")
			begin := func(store Store) (s *Server, addr string) {
				s = New(Defaults(), quiet())
				s.Access, s.Store = access, store
				if err := s.Load(); err != nil {
					t.Fatal(err)
				}
				run(t, func(ctx context.Context) error { return s.Run(ctx) })
				return s, listen(t, s, ListenerOptions{Anonymous: true})
			}
			s, addr := begin(store)
			p := dial(t, addr, packet.V5, "p")
			c := dialAs(t, addr, lasting(v, "c"))
			p.publish(retained("secret/old", "x"))
			p.publish(retained("open/old", "x"))
			c.subscribe("#", 1)
			hears := func(when string, want ...string) {
				t.Helper()
				for _, topic := range append(want, "end") {
					if got := c.receive(); got.Topic != topic {
						t.Errorf("%s: got %s, want %s", when, got.Topic, topic)
					}
				}
			}
			say := func(topics ...string) {
				t.Helper()
				for _, topic := range append(topics, "end") {
					p.publish(text(topic, "x", 1))
				}
			}
			say("secret/new", "open/new")
			hears("connected", "open/old", "open/new")
			c.leave()
			waitFor(t, "end of the connection", func() bool { return away(s, "c") })
			say("secret/away", "open/away")
			c = dialAs(t, addr, lasting(v, "c"))
			hears("back", "open/away")

			access.deny()
			s.Review(func(*Peer) bool { return true })
			say("secret/now")
			hears("nothing is denied", "secret/now")
			c.leave()
			waitFor(t, "end of the connection", func() bool { return away(s, "c") })
			say("secret/last", "open/last")
			access.deny("secret/#")
			_, addr = begin(store.crash())
			p = dial(t, addr, packet.V5, "p")
			say("secret/later", "open/later")
			c = dialAs(t, addr, lasting(v, "c"))
			hears("denied while it was away", "open/last")
			hears("denied before it came back", "open/later")
		})
	}
}
