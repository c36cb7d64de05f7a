package store

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"fieldmq/broker"
)

// held is how many bytes of the heap are in use.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const biggest = pieceSize * 3 / 2 // payload in a large segment

// aLargeSegment fills one segment with messages that wait for a queue.
func aLargeSegment(t *testing.T, dir string, messages int) *Store {
	t.Helper()
	cfg := tiny()
	cfg.Segment = 256 << 20
	s := mustOpen(t, dir, cfg)
	s.must(t, aQueue("up"))
	for n := range uint64(messages) {
		size := 16 << 10
		if n%10 == 0 {
			size = biggest
		}
		s.must(t, queued(n+1, fmt.Sprint(n+1, " ", strings.Repeat("x", size)), "up"))
	}
	return s
}

func TestAnOpenedSegmentIsNotHeldInMemory(t *testing.T) {
	dir := t.TempDir()
	s := aLargeSegment(t, dir, 500)
	whole := s.pending.segment.end
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, records := held(), 0
	_, err := read(dir, func(record) {
		if records++; records != 250 {
			return
		}
		if more := held() - before; more > whole/4 {
			t.Errorf("%d bytes more are held in the middle of a segment of %d", more, whole)
		}
	})
	if err != nil || records != 501 {
		t.Fatalf("%d records, %v", records, err)
	}
}

func TestWhatIsCopiedMakesSegmentsOfTheirSize(t *testing.T) {
	const messages = 500
	dir := t.TempDir()
	s := aLargeSegment(t, dir, messages)
	whole := s.pending.segment.end
	s.cfg.Segment = 64 << 10
	for n := uint64(1); n <= messages*2/3; n++ {
		s.must(t, broker.Counted{ClientID: "up", Number: n, Count: 1})
	}
	before := held()
	s.disk.sync = func(*os.File) error { // before what is copied is removed
		if more := held() - before; more > whole/4 {
			t.Errorf("%d bytes more are held while a segment of %d is copied", more, whole)
		}
		return nil
	}
	if err := s.tend(true); err != nil {
		t.Fatal(err)
	}
	if s.figures.Copied.Load() == 0 || s.segments[0].end == whole {
		t.Fatal("nothing was cleaned")
	}
	for _, g := range s.segments {
		if most := int64(s.cfg.Segment) + biggest + 100; g.end > most { // and the record that filled it
			t.Errorf("%s has %d bytes, more than %d", g.path, g.end, most)
		}
	}
	if got := numbersOf(t, s, "up", 100); len(got) != messages-messages*2/3 {
		t.Errorf("%d messages wait", len(got))
	}
	s.die()
}
