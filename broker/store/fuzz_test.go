package store

import (
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"fieldmq/broker"
)

// logOf is the one segment that records make.
func logOf(f testing.TB, records []broker.Record) []byte {
	dir := f.TempDir()
	cfg := tiny()
	cfg.Segment = 1 << 20
	s := mustOpen(f, dir, cfg)
	s.must(f, records...)
	end := s.pending.segment.end
	s.die()
	text, err := os.ReadFile(files(f, dir)[0])
	if err != nil {
		f.Fatal(err)
	}
	return text[:end]
}

// survives opens a folder with a segment of any content. What is found there is
// found again after more was written, and after all of it was copied.
func survives(t *testing.T, text []byte) {
	dir := t.TempDir()
	writeFile(t, segmentPath(dir, 1), text)
	s, err := Open(dir, tiny(), quiet())
	if err != nil {
		return
	}
	s.must(t, entered("fuzz"), broker.Subscribed{ClientID: "fuzz", Filter: "f"})
	want, values := contents(t, s.state), s.Kept()
	s.die()
	s = mustOpen(t, dir, tiny())
	same(t, contents(t, s.state), want)
	sameKept(t, s.Kept(), values)
	if err := s.roll(); err != nil {
		t.Fatal(err)
	}
	for _, g := range s.segments[:len(s.segments)-1] {
		if err := s.rewrite(g); err != nil {
			t.Fatal(err)
		}
		if g.live != 0 {
			t.Fatalf("%d bytes of %s count that stand nowhere", g.live, g.path)
		}
	}
	s.must(t)
	s.die()
	got, _ := reopened(t, dir)
	same(t, lasting(got), lasting(want))
	sameKept(t, keptIn(t, dir), values)
}

func sameKept(t *testing.T, got, want []Kept) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("kept %q, want %q", got, want)
	}
}

// lasting leaves out retained messages that have expired: they are not copied.
func lasting(records []broker.Record) []broker.Record {
	return slices.DeleteFunc(records, func(r broker.Record) bool {
		m, ok := r.(broker.Retained)
		return ok && !m.Expires.IsZero() && m.Expires.Before(time.Now())
	})
}

func FuzzRecover(f *testing.F) {
	whole := logOf(f, history())
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(append(whole[:200:200], whole[250:]...))
	f.Add(append(whole[:len(whole)-3:len(whole)-3], make([]byte, 64)...))
	f.Add([]byte{})
	f.Fuzz(survives)
}

// FuzzRecords puts records of any content into a log whose checksums are right.
func FuzzRecords(f *testing.F) {
	var seed []byte
	st := newState()
	for _, r := range history() {
		if note := st.note(r); note != nil {
			st.apply(note, place{segment: &segment{}})
			body := encode(nil, note)
			if len(body) < 256 {
				seed = append(append(seed, byte(len(body))), body...)
			}
		}
	}
	for _, value := range []string{"1", "2", ""} {
		body := encode(nil, &keptRecord{"k", []byte(value)})
		seed = append(append(seed, byte(len(body))), body...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, bodies []byte) {
		text := logOf(t, nil)
		salt, _, err := readHeader(text)
		if err != nil {
			t.Fatal(err)
		}
		for len(bodies) > 0 {
			n := min(int(bodies[0]), len(bodies)-1)
			start := len(text)
			text = append(append(text, make([]byte, frameHeader)...), bodies[1:1+n]...)
			text = seal(text, start, salt)
			bodies = bodies[1+n:]
		}
		survives(t, text)
	})
}
