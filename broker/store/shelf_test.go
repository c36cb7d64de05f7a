package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker"
)

// aQueue is a session of this process that reads by itself.
func aQueue(id string) broker.Entered {
	return broker.Entered{ClientID: id, New: true, Inner: true, Expiry: time.Hour}
}

// numbersOf are what waits for a queue, read in pieces.
func numbersOf(t testing.TB, s *Store, id string, piece int) (all []uint64) {
	t.Helper()
	for after := uint64(0); ; {
		n := 0
		s.Read(id, after, nil, func(w broker.Waiting, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(w.Message.Payload), fmt.Sprint(w.Number, " ")) {
				t.Fatalf("%d is %q", w.Number, w.Message.Payload)
			}
			all, after = append(all, w.Number), w.Number
			n++
			return n < piece
		})
		if n < piece {
			return all
		}
	}
}

func TestAQueueIsReadInOrderWhateverBecomesOfTheLog(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		dir := t.TempDir()
		s := mustOpen(t, dir, tiny())
		s.must(t, aQueue("up"), entered("other"))
		var waits []uint64
		for n := uint64(1); n <= 3000; n++ {
			s.must(t, queued(n, fmt.Sprint(n, " ", strings.Repeat("x", r.IntN(300))), []string{"up", "other"}[:1+r.IntN(2)]...))
			waits = append(waits, n)
			for range r.IntN(3) {
				if len(waits) == 0 {
					break
				}
				i := min(r.IntN(len(waits)), r.IntN(20)) // mostly the first
				s.must(t, broker.Counted{ClientID: "up", Number: waits[i], Count: 1}, broker.Settled{ClientID: "other", Number: waits[i]})
				waits = slices.Delete(waits, i, i+1)
			}
			switch r.IntN(300) {
			case 0, 1, 2, 3, 4:
				if err := s.tend(true); err != nil {
					t.Fatal(err)
				}
			case 5:
				if got := numbersOf(t, s, "up", 1+r.IntN(100)); !slices.Equal(got, waits) {
					t.Fatalf("seed %d: got %d, want %d: %v, %v", seed, len(got), len(waits), got, waits)
				}
			case 6:
				s.die()
				s = mustOpen(t, dir, tiny())
				if s.Last() < n {
					t.Fatalf("the last is %d, want %d", s.Last(), n)
				}
			}
		}
		if got := numbersOf(t, s, "up", 100); !slices.Equal(got, waits) {
			t.Errorf("seed %d: got %v, want %v", seed, got, waits)
		}
		skipped := slices.Collect(s.skipping("up", func(n uint64) bool { return n%2 == 0 }))
		if want := slices.DeleteFunc(slices.Clone(waits), func(n uint64) bool { return n%2 == 0 }); !slices.Equal(skipped, want) {
			t.Errorf("got %v, want the odd ones", skipped)
		}
		tallies := s.Tallies("up")
		if len(tallies) != 1 || tallies[0].Delivered != uint64(3000-len(waits)) {
			t.Errorf("tallies %+v, want %d", tallies, 3000-len(waits))
		}
		s.die()
	}
}

// skipping are the numbers that are read.
func (s *Store) skipping(id string, skip func(uint64) bool) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		s.Read(id, 0, skip, func(w broker.Waiting, _ error) bool { return yield(w.Number) })
	}
}

func TestAQueueIsReadWhileItGrowsAndIsCleaned(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	s.must(t, aQueue("up"))
	const all = 5000
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := uint64(1); n <= all; n++ {
			s.must(t, queued(n, fmt.Sprint(n, " ", strings.Repeat("x", int(n%500))), "up"))
			if n%50 == 0 {
				_ = s.take(t.Context())
				if err := s.tend(true); err != nil {
					t.Error(err)
				}
				s.yield()
			}
		}
	})
	next := uint64(1)
	for next <= all {
		s.Read("up", 0, nil, func(w broker.Waiting, err error) bool {
			if err != nil || w.Number != next || !strings.HasPrefix(string(w.Message.Payload), fmt.Sprint(next, " ")) {
				t.Errorf("got %d %v, want %d", w.Number, err, next)
				next = all
			}
			if err := s.Append(broker.Counted{ClientID: "up", Number: w.Number, Count: 1}); err != nil {
				t.Error(err)
			}
			next++
			return next%7 > 0
		})
	}
	writing.Wait()
}

func TestWhatIsNotWrittenYetIsNotRead(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	s.must(t, aQueue("up"), queued(1, "1 ", "up"))
	if err := s.Append(queued(2, "2 ", "up")); err != nil {
		t.Fatal(err)
	}
	if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{1}) {
		t.Errorf("got %v", got)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestAMessageThatCannotBeReadDoesNotHideOthers(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	s.must(t, aQueue("up"))
	var places []int64
	for n := uint64(1); n <= 3; n++ {
		places = append(places, s.pending.segment.end)
		s.must(t, queued(n, fmt.Sprint(n, " "), "up"))
	}
	f, err := os.OpenFile(s.pending.segment.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("xx"), places[1]+20); err != nil {
		t.Fatal(err)
	}
	var read []uint64
	bad := 0
	s.Read("up", 0, nil, func(w broker.Waiting, err error) bool {
		if err != nil {
			bad++
		}
		read = append(read, w.Number)
		return true
	})
	if !slices.Equal(read, []uint64{1, 2, 3}) || bad != 1 {
		t.Errorf("read %v, %d bad", read, bad)
	}
}

func TestLoadLeavesQueuesAlone(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, aQueue("up"), entered("a"), queued(1, "1", "up"), queued(2, "2", "up", "a"))
	s.die()
	s = mustOpen(t, dir, tiny())
	defer s.die()
	var told []broker.Queued
	for r, err := range s.Load() {
		if err != nil {
			t.Fatal(err)
		}
		if q, ok := r.(broker.Queued); ok {
			told = append(told, q)
		}
	}
	if len(told) != 1 || told[0].Number != 2 || len(told[0].To) != 1 || told[0].To[0].ClientID != "a" {
		t.Errorf("told %+v", told)
	}
	if s.Last() != 2 {
		t.Errorf("the last is %d", s.Last())
	}
}
