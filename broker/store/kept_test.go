package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

func put(t testing.TB, s *Store, key, value string) {
	t.Helper()
	if err := s.Put(key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func wantKept(t testing.TB, got []Kept, want ...string) {
	t.Helper()
	var texts []string
	for _, k := range got {
		texts = append(texts, k.Key+"="+string(k.Value))
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
}

func keptIn(t testing.TB, dir string) []Kept {
	t.Helper()
	r, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Kept
}

func TestTheLastValueOfAKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	put(t, s, "b", "1")
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	put(t, s, "gone", "1")
	put(t, s, "gone", "")
	written := s.Figures().Written.Load()
	put(t, s, "b", "2")
	put(t, s, "never", "")
	if n := s.Figures().Written.Load(); n != written {
		t.Errorf("%d bytes are written for nothing new", n-written)
	}
	if got := string(s.Get("b")); got != "2" {
		t.Errorf("got %q", got)
	}
	if got := s.Get("gone"); got != nil {
		t.Errorf("got %q", got)
	}
	wantKept(t, s.Kept(), "a=1", "b=2")
	s.die() // without a word
	wantKept(t, keptIn(t, dir), "a=1", "b=2")
	s = mustOpen(t, dir, tiny())
	defer s.die()
	wantKept(t, s.Kept(), "a=1", "b=2")
}

func TestKeptValuesOutliveTheirSegments(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	put(t, s, "stays", "from the beginning")
	value := string(bytes.Repeat([]byte("v"), 1000))
	for i := range 2000 {
		put(t, s, fmt.Sprint("counter/", i%5), value+fmt.Sprint(i))
		if err := s.tend(i%10 == 0); err != nil {
			t.Fatal(err)
		}
	}
	if s.segments[0].number == 1 {
		t.Error("nothing was ever removed")
	}
	if total, live := s.Size(); total > 2*live+slack+200<<10 {
		t.Errorf("%d bytes for %d that count", total, live)
	}
	s.die()
	got := keptIn(t, dir)
	if len(got) != 6 || string(got[5].Value) != "from the beginning" || string(got[4].Value) != value+"1999" {
		t.Errorf("%d values are left", len(got))
	}
}

func TestACutAtAnyByteLeavesTheValueBefore(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	put(t, s, "n", "one")
	from := s.pending.segment.end
	put(t, s, "n", "two")
	to := s.pending.segment.end
	s.die()
	file := files(t, dir)[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := from; cut <= to; cut++ {
		writeFile(t, file, whole[:cut])
		want := "n=one"
		if cut == to {
			want = "n=two"
		}
		wantKept(t, keptIn(t, dir), want)
	}
}

func TestKeptValuesAreBounded(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	if err := s.Put("k", make([]byte, mostKept)); err == nil {
		t.Error("a value of any size is taken")
	}
	s.cfg.Max = 10
	s.checkRoom()
	put(t, s, "k", "also when the store is full")
}

func TestSegmentsOfVersion1AreReadAndNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, retained("a", "1"))
	s.die()
	file := files(t, dir)[0]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(text[len(magic):], 1)
	writeFile(t, file, text)
	s = mustOpen(t, dir, tiny())
	s.must(t, retained("b", "2"))
	put(t, s, "k", "1")
	s.die()
	if n := len(files(t, dir)); n != 2 {
		t.Errorf("%d segments", n)
	}
	old, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(bytes.TrimRight(old, "\x00"), bytes.TrimRight(text, "\x00")) {
		t.Errorf("the old segment was written to: %v", err)
	}
	got, damage := reopened(t, dir)
	if len(got) != 2 || len(damage) > 0 {
		t.Errorf("got %v, damage %v", got, damage)
	}
	wantKept(t, keptIn(t, dir), "k=1")
}

func TestPutFailsWhereTheDiskDoes(t *testing.T) {
	cfg := tiny()
	cfg.Sync = Always()
	s := mustOpen(t, t.TempDir(), cfg)
	defer s.die()
	s.disk.sync = func(*os.File) error { return errDisk }
	if err := s.Put("k", []byte("v")); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}
