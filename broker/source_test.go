package broker

import (
	"context"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// byUser is an Access that lets users publish who are not banned, and notes who
// was recalled.
type byUser struct {
	picky
	recalled []Peer
}

func (b *byUser) MayPublish(p *Peer, _ string) bool { return b.may(p.User) }
func (b *byUser) Recall(p *Peer)                    { b.recalled = append(b.recalled, *p) }

// startFor starts a server with an Access on a store.
func startFor(t *testing.T, access Access, store Store, set func(*Config)) (s *Server, addr string) {
	t.Helper()
	cfg := Defaults()
	cfg.SysInterval = 0
	set(&cfg)
	s = New(cfg, quiet())
	s.Access, s.Store = access, store
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	run(t, func(ctx context.Context) error { return s.Run(ctx) })
	return s, listen(t, s, ListenerOptions{Name: "guarded", Local: true})
}

func asBefore(*Config) {}

// finds is what a new subscriber gets that is retained.
func finds(t *testing.T, s *Server, addr string) (topics []string) {
	t.Helper()
	c := dialAs(t, addr, login(packet.V5, "finder", "finder"))
	c.subscribe("#", 1)
	c.send(packet.AppendPing(nil, packet.PINGREQ))
	c.lookAhead(packet.PINGRESP)
	for _, f := range c.ahead {
		var p packet.Publish
		if err := p.Decode(packet.V5, f); err != nil {
			t.Fatal(err)
		}
		topics = append(topics, string(p.Topic))
	}
	var inner []string
	for _, m := range s.Retained("#") {
		inner = append(inner, m.Topic)
	}
	if !slices.Equal(inner, topics) {
		t.Errorf("a client gets %v, and this process %v", topics, inner)
	}
	return topics
}

func TestRetainedMessageIsGivenWhileItsSourceMayPublish(t *testing.T) {
	access, store := &byUser{}, &memory{}
	s, addr := startFor(t, access, store, asBefore)
	ann, eve := dialAs(t, addr, login(packet.V5, "a", "ann")), dialAs(t, addr, login(packet.V311, "e", "eve"))
	ann.publish(retained("by/ann", "1"))
	eve.publish(retained("by/eve", "1"))
	if err := s.Publish(t.Context(), retained("by/us", "1")); err != nil {
		t.Fatal(err)
	}
	mortal := login(packet.V5, "m", "eve")
	mortal.Will = &packet.Will{Message: retained("will/eve", "gone")}
	_ = dialAs(t, addr, mortal).conn.Close()
	waitFor(t, "will", func() bool { return s.retained.Len() == 4 })
	want := func(s *Server, addr, when string, topics ...string) {
		t.Helper()
		if got := finds(t, s, addr); !slices.Equal(got, topics) {
			t.Errorf("%s: got %v, want %v", when, got, topics)
		}
	}
	all := []string{"by/ann", "by/eve", "by/us", "will/eve"}
	want(s, addr, "all may publish", all...)
	access.deny("eve")
	want(s, addr, "eve may not", "by/ann", "by/us")
	access.deny()
	want(s, addr, "she may again", all...)
	access.deny("eve")
	ann.publish(retained("by/eve", "2"))
	want(s, addr, "another one took its place", "by/ann", "by/eve", "by/us")

	ann.publish(text("x", "", 1)) // its acknowledgement covers all before
	again := &byUser{}
	again.deny("ann")
	s, addr = startFor(t, again, store.crash(), asBefore)
	want(s, addr, "after a restart", "by/us", "will/eve")
	s, addr = startFor(t, again, store.crash(), func(cfg *Config) { cfg.CheckRetainSource = false })
	want(s, addr, "when nobody asks", all...)
}

func TestSourceIsKeptAsItWas(t *testing.T) {
	access, store := &byUser{}, &memory{}
	_, addr := startFor(t, access, store, asBefore)
	hello := login(packet.V5, "a", "ann")
	hello.Will = &packet.Will{Message: retained("will", "gone")}
	hello.Properties.SetNumber(packet.SessionExpiry, 1000)
	c := dialAs(t, addr, hello)
	c.publish(retained("t", "1"))
	c.publish(retained("u", "1"))
	again := &byUser{}
	startFor(t, again, store.crash(), asBefore)
	if want := (Peer{ClientID: "a", User: "ann", Local: true}); len(again.recalled) != 1 || again.recalled[0] != want {
		t.Errorf("recalled %+v, want %+v once", again.recalled, want)
	}
}

// What a feed gets when it begins is what any new subscriber gets.
func TestFeedFindsWhatSourcesMayPublish(t *testing.T) {
	access := &byUser{}
	s, addr := startFor(t, access, nil, asBefore)
	dialAs(t, addr, login(packet.V5, "a", "ann")).publish(retained("by/ann", "1"))
	dialAs(t, addr, login(packet.V5, "e", "eve")).publish(retained("by/eve", "1"))
	access.deny("eve")
	sink := &taking{}
	f, err := s.Feed(t.Context(), "feed", sink, "#")
	if err != nil {
		t.Fatal(err)
	}
	for m := range f.Retained() {
		sink.topics = append(sink.topics, m.Topic)
	}
	if want := []string{"by/ann", "by/ann"}; !slices.Equal(sink.topics, want) {
		t.Errorf("got %v, want %v", sink.topics, want)
	}
}

// taking is a sink that takes the topics of all messages.
type taking struct{ topics []string }

func (*taking) Begin(*Feed)                               {}
func (*taking) Judge(*mqtt.Message, bool, time.Time) Fate { return Pass }
func (*taking) Refuses(*mqtt.Message) bool                { return false }
func (s *taking) Take(_ uint64, m mqtt.Message, _ time.Time, _ error) error {
	s.topics = append(s.topics, m.Topic)
	return nil
}
