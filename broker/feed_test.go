package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// basin is a Sink that keeps all but what its topics say.
type basin struct {
	begun   int
	numbers []uint64
	got     []string
	full    bool
	refusal error
	feed    *Feed
}

func (b *basin) Begin(f *Feed) { b.begun++; b.feed = f }

func (b *basin) Judge(m *mqtt.Message, _ bool, _ time.Time) Fate {
	switch {
	case strings.HasSuffix(m.Topic, "/skip"):
		return Skip
	case strings.HasSuffix(m.Topic, "/pass"):
		return Pass
	case strings.HasSuffix(m.Topic, "/drop"):
		b.feed.Count(0, "", "full", 1)
		return Drop
	}
	return Keep
}

func (b *basin) Take(number uint64, m mqtt.Message, _ time.Time, err error) error {
	b.numbers = append(b.numbers, number)
	b.got = append(b.got, m.Topic+" "+string(m.Payload))
	return errors.Join(err, b.refusal)
}

func (b *basin) Refuses(*mqtt.Message) bool { return b.full }

func TestAFeedGetsWhatItWantsInTheOrderOfNumbers(t *testing.T) {
	s, addr := startOn(t, nil)
	c := dial(t, addr, packet.V5, "c")
	c.publish(retained("a/before", "0"))
	b := &basin{}
	f, err := s.Feed(t.Context(), "feed", b, "a/#")
	if err != nil {
		t.Fatal(err)
	}
	for i, topic := range []string{"a/1", "a/skip", "a/pass", "b/other", "a/2"} {
		c.publish(text(topic, string(rune('0'+i)), 1))
	}
	if want := []string{"a/before 0", "a/1 0", "a/pass 2", "a/2 4"}; !slices.Equal(b.got, want) {
		t.Errorf("got %q, want %q", b.got, want)
	}
	if n := b.numbers; n[0] == 0 || n[1] <= n[0] || n[2] != 0 || n[3] <= n[1] {
		t.Errorf("numbers %v", n)
	}
	next := &basin{}
	if _, err := s.Feed(t.Context(), "feed", next, "a/#", "b/#"); err != nil { // another owner, more filters
		t.Fatal(err)
	}
	c.publish(text("b/other", "5", 1))
	if b.begun != 1 || next.begun != 1 || len(b.got) != 4 || !slices.Equal(next.got, []string{"b/other 5"}) {
		t.Errorf("the first has %q, the next one %q", b.got, next.got)
	}
	if f.Durable() {
		t.Error("there is no store")
	}
}

func TestAFeedCanRefuseWhatClientsPublish(t *testing.T) {
	s, addr := startOn(t, nil)
	b := &basin{full: true}
	if _, err := s.Feed(t.Context(), "feed", b, "#"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, addr, packet.V5, "five")
	c.send(c.packet(text("t", "x", 1), 1))
	f := c.next(packet.PUBACK)
	var a packet.Ack
	if err := a.Decode(packet.V5, f); err != nil || a.Reason != packet.QuotaExceeded {
		t.Errorf("answered %v %v", a.Reason, err)
	}
	old := dial(t, addr, packet.V311, "three")
	old.send(old.packet(text("t", "x", 1), 1))
	old.disconnected(packet.Unspecified) // its PUBACK could not say it
	if len(b.got) > 0 {
		t.Errorf("got %q", b.got)
	}
	if err := s.Publish(t.Context(), text("t", "own", 1)); err != nil || len(b.got) != 1 {
		t.Errorf("what the process itself publishes: %v, %q", err, b.got)
	}
}

func TestFeedsThatNobodyOpensEnd(t *testing.T) {
	store := &memory{}
	first, _ := startOn(t, store)
	for _, name := range []string{"up/kept", "up/gone", "other"} {
		if _, err := first.Feed(t.Context(), name, &basin{}, "#"); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, _ := startOn(t, store.crash())
	if _, err := second.Feed(t.Context(), "up/kept", &basin{}, "#"); err != nil {
		t.Fatal(err)
	}
	if ended := second.EndFeeds("up/"); !slices.Equal(ended, []string{"up/gone"}) {
		t.Errorf("ended %q", ended)
	}
}

// A disk that fails is no reason for which a command is not carried out, or is again
// on each connection: it waits for nobody.
func TestWhatNobodyWaitsForIsPublishedWhileTheDiskFails(t *testing.T) {
	store := &memory{}
	s, addr := startOn(t, store)
	f, err := s.Feed(t.Context(), "feed", &basin{}, "kept/#")
	if err != nil {
		t.Fatal(err)
	}
	ear := dial(t, addr, packet.V5, "ear")
	ear.subscribe("set", 0)
	store.mu.Lock()
	store.broken = errors.New("the disk fails")
	store.mu.Unlock()
	if err := s.Publish(t.Context(), text("set", "1", 1)); err != nil {
		t.Errorf("for who listens now: %v", err)
	}
	if err := f.Receive(t.Context(), 1, text("set", "2", 2)); err != nil {
		t.Errorf("by an identifier: %v", err)
	}
	for _, want := range []string{"1", "2"} {
		if got := ear.receive(); string(got.Payload) != want {
			t.Errorf("got %q, want %q", got.Payload, want)
		}
	}
	if err := s.Publish(t.Context(), text("kept/a", "3", 1)); err == nil {
		t.Error("what is to be kept is acknowledged")
	}
	if err := f.Receive(t.Context(), 2, text("kept/a", "4", 2)); err == nil || !slices.Equal(f.Received(), []uint16{1}) {
		t.Errorf("received %v, %v", f.Received(), err)
	}
	if err := s.Publish(t.Context(), retained("set", "5")); err == nil {
		t.Error("what is retained is acknowledged")
	}
}

func TestAFeedIsNotOpenedOnceItsContextHasEnded(t *testing.T) {
	s, _ := startOn(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &basin{}
	if _, err := s.Feed(ctx, "feed", b, "#"); !errors.Is(err, context.Canceled) || b.begun != 0 {
		t.Errorf("got %v, begun %d times", err, b.begun)
	}
	if _, err := s.Feed(t.Context(), "feed", b, "#"); err != nil || b.begun != 1 {
		t.Errorf("got %v, begun %d times", err, b.begun)
	}
}

func TestWhatAFeedCountsIsKeptBeforeItIsAcknowledged(t *testing.T) {
	store := &memory{}
	s, _ := startOn(t, store)
	if _, err := s.Feed(t.Context(), "feed", &basin{}, "kept/#"); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), text("kept/drop", "1", 1)); err != nil {
		t.Fatal(err)
	}
	last, ok := store.records[len(store.records)-1].(Counted)
	if !ok || last.Reason != "full" || store.committed != len(store.records) {
		t.Errorf("%d of %d records are kept, the last of them %+v", store.committed, len(store.records), last)
	}
}
