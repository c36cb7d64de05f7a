package gateway

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/store"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// fullStore has no room for messages.
type fullStore struct{}

func (fullStore) Load() iter.Seq2[broker.Record, error] {
	return func(func(broker.Record, error) bool) {}
}
func (fullStore) Commit(context.Context) error { return nil }
func (fullStore) Append(r broker.Record) error {
	if _, retained := r.(broker.Retained); retained {
		return store.ErrFull
	}
	return nil
}

func TestStatusIsRightWhileTheStoreIsFull(t *testing.T) {
	server := broker.New(broker.Defaults(), quiet)
	server.Store = fullStore{}
	refused := 0
	s := newStatus(t.Context(), server, func(string) map[string]int64 { return nil }, func(err error) {
		if err != nil {
			refused++
		}
	})
	for _, online := range []bool{true, false, true} {
		s.report(poll.Health{Device: "d", Online: online})
		got := server.Retained("device/d/status")
		if want := string(mapping.Status("d", online).Payload); len(got) != 1 || string(got[0].Payload) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if refused == 0 {
		t.Error("nobody was told that nothing was stored")
	}
}

func TestComplaintsAreToldOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var c complaints
		told := func() int { return strings.Count(out.String(), "the store is full") }
		for range 1000 {
			c.tell(log, store.ErrFull)
			c.tell(log, nil)
		}
		if told() != 1 {
			t.Errorf("told %d times", told())
		}
		c.tell(log, store.ErrClosed)
		if !strings.Contains(out.String(), "closed") {
			t.Error("another reason is not told")
		}
		time.Sleep(complainEvery)
		c.tell(log, store.ErrFull)
		if told() != 2 {
			t.Errorf("told %d times, and then", told())
		}
	})
}
