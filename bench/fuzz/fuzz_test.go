package main

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestBrokerStandsMadClients(t *testing.T) {
	var out strings.Builder
	r := &run{seed: 1, end: 1000, clients: 50, out: &out, log: slog.New(slog.DiscardHandler)}
	if err := r.run(t.Context(), time.Hour); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	f := r.house.server.Figures()
	if r.played.Load() != r.end || f.Received.Publishes.Load() == 0 || f.Sent.Publishes.Load() == 0 {
		t.Errorf("nothing happened: %s", out.String())
	}
}

func TestScriptFollowsFromItsNumber(t *testing.T) {
	one, again, other := newScript(1, 7), newScript(1, 7), newScript(1, 8)
	if !bytes.Equal(one.out, again.out) || bytes.Equal(one.out, other.out) {
		t.Error("scripts do not follow from their numbers")
	}
}

func TestCutPacketsFrameAgain(t *testing.T) {
	for n := range uint64(100) {
		w := &writer{Rand: rand.New(rand.NewPCG(1, n))}
		p := w.publish()
		head, body, ok := cut(p)
		if !ok || !bytes.Equal(frame(head, body), p) {
			t.Errorf("% x is framed as % x", p, frame(head, body))
		}
	}
}
