package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"fieldmq/broker"
)

// A gateway writes, and removes segments, while somebody looks.
func TestAFolderInUseIsInspectedAsIfItWereNot(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, aQueue("up"))
	for n := uint64(1); n <= 20; n++ { // which wait all the time
		s.must(t, queued(n, fmt.Sprint(n), "up"))
	}
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := uint64(21); ctx.Err() == nil; n++ {
			s.must(t, queued(n, strings.Repeat("x", int(n*7919%9000)), "up"), broker.Counted{ClientID: "up", Number: n, Count: 1})
			if n%50 == 0 {
				s.writer <- struct{}{}
				if err := s.clean(); err != nil {
					t.Error(err)
				}
				s.yield()
			}
		}
	})
	defer writing.Wait()
	defer stop()
	for range 200 {
		r, err := Inspect(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Damage) > 0 {
			t.Fatalf("damage: %v", r.Damage)
		}
		found := 0
		for record, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			if q, ok := record.(broker.Queued); ok && q.Number <= 20 {
				found++
			}
		}
		if found != 20 {
			t.Fatalf("%d of 20 are there", found)
		}
		r.Close()
	}
}

func TestDamageThatStaysIsReported(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, aQueue("up"), queued(1, "one", "up"))
	s.die()
	segments, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], slices.Concat(text[:s.pending.segment.end], []byte("torn")), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Damage) != 1 {
		t.Errorf("damage: %v", r.Damage)
	}
}

func TestAFolderWithoutAStoreIsNotOneWithoutDamage(t *testing.T) {
	if _, err := Inspect(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no store") {
		t.Errorf("got %v", err)
	}
}
