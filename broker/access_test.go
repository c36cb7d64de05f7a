package broker

import (
	"sync"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// picky is an Access that knows a password and denies what is listed.
type picky struct {
	mu     sync.Mutex
	denied map[string]bool // topics, filters and users
}

func (p *picky) deny(what ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied = map[string]bool{}
	for _, w := range what {
		p.denied[w] = true
	}
}

func (p *picky) may(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.denied[what]
}

func (p *picky) Connect(peer *Peer, password []byte) packet.Reason {
	switch {
	case peer.User == "":
		return packet.NotAuthorized
	case string(password) != "secret":
		return packet.BadUserOrPassword
	}
	return packet.Success
}

func (p *picky) Denied(*Peer) []mqtt.Filter                    { return nil }
func (p *picky) Recall(*Peer)                                  {}
func (p *picky) MayPublish(_ *Peer, topic string) bool         { return p.may(topic) }
func (p *picky) MaySubscribe(_ *Peer, filter mqtt.Filter) bool { return p.may(string(filter)) }
func (p *picky) stays(peer *Peer) bool                         { return p.may(peer.User) }

// guarded is a server behind a picky Access.
func guarded(t *testing.T, denied ...string) (*Server, *picky, string) {
	t.Helper()
	s, _ := start(t, Defaults())
	access := &picky{}
	access.deny(denied...)
	s.Access = access
	return s, access, listen(t, s, ListenerOptions{Name: "guarded"})
}

func login(v packet.Version, id, user string) packet.Connect {
	return packet.Connect{Version: v, ClientID: id, CleanStart: true, HasUser: true, User: user, HasPassword: true, Password: []byte("secret")}
}

func TestRefusedConnectSaysWhy(t *testing.T) { // [MQTT-3.1.4-2]
	_, _, addr := guarded(t, "wills/x")
	for name, v := range both {
		wrong, will := login(v, "a", "ann"), login(v, "a", "ann")
		wrong.Password = []byte("guess")
		will.Will = &packet.Will{Message: text("wills/x", "gone", 0)}
		for _, c := range []struct {
			name string
			p    packet.Connect
			want packet.Reason
			code byte // of 3.1.1
		}{
			{"nobody", packet.Connect{Version: v, ClientID: "a", CleanStart: true}, packet.NotAuthorized, 5},
			{"a wrong password", wrong, packet.BadUserOrPassword, 4},
			{"a will that may not be published", will, packet.NotAuthorized, 5},
		} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				client := open(t, addr, v)
				client.send(c.p.Append(nil))
				got := client.next(packet.CONNACK).Body[1]
				if want := byte(c.want); v == packet.V5 && got != want || v == packet.V311 && got != c.code {
					t.Errorf("got 0x%02X", got)
				}
				client.closed()
			})
		}
	}
}

func TestDeniedPublishIsAnsweredAndDropped(t *testing.T) { // [MQTT-3.3.5-2]
	_, _, addr := guarded(t, "no")
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			watcher := dialAs(t, addr, login(v, "w"+name, "ann"))
			watcher.subscribe("#", 2)
			c := dialAs(t, addr, login(v, "a"+name, "ann"))
			want := packet.Success // 3.1.1 has no word for it
			if v == packet.V5 {
				want = packet.NotAuthorized
			}
			for qos := range mqtt.QoS(3) {
				got := c.publish(text("no", "x", qos))
				if qos > 0 && got != want {
					t.Errorf("QoS %d: got %v, want %v", qos, got, want)
				}
			}
			if r := c.publish(text("yes", "y", 0)); r != packet.Success {
				t.Error(r)
			}
			if got := watcher.receive(); got.Topic != "yes" {
				t.Errorf("got %s", got.Topic)
			}
			watcher.leave()
		})
	}
}

func TestDeniedSubscriptionIsRefusedAlone(t *testing.T) { // [MQTT-3.8.4-6]
	s, _, addr := guarded(t, "no/#")
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			c := dialAs(t, addr, login(v, "a"+name, "ann"))
			got := c.trySubscribe(0, packet.Subscription{Filter: "no/#"}, packet.Subscription{Filter: "yes"})
			want := packet.NotAuthorized
			if v == packet.V311 {
				want = packet.Unspecified // 0x80, the only one it has
			}
			if got[0] != want || got[1].Failed() {
				t.Errorf("got %v, want %v and success", got, want)
			}
			if err := s.Publish(t.Context(), text("no/x", "n", 0), text("yes", "y", 0)); err != nil {
				t.Fatal(err)
			}
			if got := c.receive(); got.Topic != "yes" {
				t.Errorf("got %s", got.Topic)
			}
		})
	}
}

func TestReviewCutsThoseWhoMayNotStay(t *testing.T) {
	s, access, addr := guarded(t)
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			access.deny()
			ann, bob := dialAs(t, addr, login(v, "a"+name, "ann")), dialAs(t, addr, login(v, "b"+name, "bob"))
			access.deny("ann")
			s.Review(access.stays)
			ann.disconnected(packet.NotAuthorized)
			bob.ping()
			bob.leave()
		})
	}
}

func TestReviewEndsSubscriptions(t *testing.T) {
	s, access, addr := guarded(t)
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			access.deny()
			c := dialAs(t, addr, login(v, "a"+name, "ann"))
			c.subscribe("secret/#", 1)
			c.subscribe("open", 1)
			access.deny("secret/#")
			s.Review(access.stays)
			if err := s.Publish(t.Context(), text("secret/x", "s", 1), text("open", "o", 1)); err != nil {
				t.Fatal(err)
			}
			if got := c.receive(); got.Topic != "open" {
				t.Errorf("got %s", got.Topic)
			}
			c.leave()
		})
	}
}

func TestReviewForgetsWills(t *testing.T) {
	s, access, addr := guarded(t)
	watcher := dialAs(t, addr, login(packet.V5, "watcher", "ann"))
	watcher.subscribe("wills/#", 0)
	for _, topic := range []string{"wills/denied", "wills/allowed"} {
		p := login(packet.V5, topic, "bob")
		p.Will = &packet.Will{Message: text(topic, "gone", 0)}
		c := dialAs(t, addr, p)
		access.deny("wills/denied")
		s.Review(access.stays)
		c.cut()
		if topic == "wills/denied" {
			access.deny()
			waitFor(t, "end of the session", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.sessions[topic] == nil })
		}
	}
	if got := watcher.receive(); got.Topic != "wills/allowed" {
		t.Errorf("got %s", got.Topic)
	}
}

func TestSessionIsReviewedWhenItsClientComesBack(t *testing.T) {
	s, access, addr := guarded(t)
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			access.deny()
			p := lasting(v, "a"+name)
			p.HasUser, p.User, p.HasPassword, p.Password = true, "ann", true, []byte("secret")
			c := dialAs(t, addr, p)
			c.subscribe("secret", 1)
			c.subscribe("open", 1)
			c.leave()
			if err := s.Publish(t.Context(), text("secret", "s", 1), text("open", "o", 1)); err != nil {
				t.Fatal(err)
			}
			access.deny("secret")
			if c = dialAs(t, addr, p); !c.present {
				t.Error("the session is gone")
			}
			if got := c.receive(); got.Topic != "open" {
				t.Errorf("got %s", got.Topic)
			}
			c.ping()
		})
	}
}

func TestSessionIsNotForOtherUsers(t *testing.T) {
	s, _, addr := guarded(t)
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			as := func(user string) packet.Connect {
				p := lasting(v, "a"+name)
				p.HasUser, p.User, p.HasPassword, p.Password = true, user, true, []byte("secret")
				return p
			}
			ann := dialAs(t, addr, as("ann"))
			ann.subscribe("secret", 1)
			eve := open(t, addr, v)
			p := as("eve")
			eve.send(p.Append(nil))
			if r := eve.connack(); r == packet.Success {
				t.Fatal("another user took the session over")
			}
			eve.closed()
			ann.ping()
			ann.leave()
			if err := s.Publish(t.Context(), text("secret", "s", 1)); err != nil {
				t.Fatal(err)
			}
			if eve = dialAs(t, addr, p); eve.present {
				t.Error("another user has the session")
			}
			eve.ping()
			eve.leave()
		})
	}
}
