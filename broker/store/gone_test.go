package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldmq/broker"
)

// spoil changes a byte of a file behind a text.
func spoil(t *testing.T, name, text string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[bytes.Index(raw, []byte(text))] ^= 1
	writeFile(t, name, raw)
}

// What rots, or is removed, while the store is at work is told of message by message
// when they are read, and the log is cleaned all the same.
func TestWhatIsLostAtWorkIsToldWhenItIsRead(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, file string){
		"rotten":  func(t *testing.T, file string) { spoil(t, file, "1 waits") },
		"removed": func(t *testing.T, file string) { os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, tiny())
			defer func() { s.die() }()
			s.must(t, aQueue("up"), queued(1, "1 waits", "up"))
			if err := s.Put("counter", []byte("7")); err != nil {
				t.Fatal(err)
			}
			for n := uint64(2); n < 400; n++ {
				s.must(t, queued(n, strings.Repeat("x", 2000), "up"), broker.Counted{ClientID: "up", Number: n, Count: 1})
				if err := s.advance(); err != nil {
					t.Fatal(err)
				}
				if n == 10 {
					happens(t, segmentPath(dir, 1))
				}
			}
			s.must(t, queued(1000, "1000 waits", "up"))
			if err := s.clean(); err != nil {
				t.Fatal(err)
			}
			if s.segments[0].number == 1 {
				t.Fatal("the log is not cleaned")
			}
			var lost, whole []uint64
			s.Read("up", 0, nil, func(w broker.Waiting, err error) bool {
				if err != nil {
					lost = append(lost, w.Number)
				} else {
					whole = append(whole, w.Number)
				}
				return true
			})
			if len(lost) != 1 || lost[0] != 1 || len(whole) != 1 || whole[0] != 1000 {
				t.Errorf("lost %v, whole %v", lost, whole)
			}
			s.must(t, broker.Counted{ClientID: "up", Number: 1, Reason: "lost", Count: 1})
			s.die()
			s = mustOpen(t, dir, tiny())
			if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{1000}) || string(s.Get("counter")) != "7" {
				t.Errorf("after a restart %v wait, and kept is %q", got, s.Get("counter"))
			}
		})
	}
}

func TestAFolderThatIsRemovedAtWorkIsThereAgain(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	dir := filepath.Join(parent, "data")
	s := mustOpen(t, dir, tiny())
	defer func() { s.die() }()
	s.must(t, aQueue("up"), queued(1, "1 was there", "up"))
	if err := os.RemoveAll(parent); err != nil {
		t.Fatal(err)
	}
	writeFile(t, parent, nil)
	if err := s.tend(true); err == nil {
		t.Fatal("nothing is said of a file in the place of the folder")
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	if err := s.tend(true); err == nil {
		t.Fatal("nothing is said of a folder that cannot be made")
	}
	if err := s.Append(queued(2, "2 finds no place", "up")); err == nil {
		t.Error("a message is taken that nobody will find")
	}
	if err := s.Append(broker.Counted{ClientID: "up", Reason: "x", Count: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); err == nil {
		t.Error("something is acknowledged")
	}
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.tend(true); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, tiny(), quiet()); !errors.Is(err, ErrLocked) {
		t.Errorf("the folder is not locked: %v", err)
	}
	s.must(t, queued(3, "3 came after it", "up"))
	s.die()
	s = mustOpen(t, dir, tiny())
	if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{1, 3}) {
		t.Errorf("%v wait", got)
	}
}

func TestABackupThatIsPutInPlaceAtWorkIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	defer s.die()
	s.must(t, aQueue("up"), queued(1, "1 is in the backup", "up"))
	backup, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segmentPath(dir, 1)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, segmentPath(dir, 1), backup)
	if err := s.tend(true); !errors.Is(err, errReplaced) {
		t.Errorf("got %v", err)
	}
	if err := s.Append(queued(2, "2 would be lost", "up")); err == nil {
		t.Error("a message is taken")
	}
	if text, err := os.ReadFile(segmentPath(dir, 1)); err != nil || !bytes.Equal(text, backup) {
		t.Errorf("the backup is changed: %v", err)
	}
}

// One flipped bit is not to cost a backlog of days.
func TestAQueueWhoseRecordIsDamagedKeepsWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, aQueue("upstream/cloud/out"), aQueue("client"), queued(1, "1 waits", "upstream/cloud/out"), queued(2, "2 waits", "client"),
		queued(3, "3 waits", "upstream/cloud/out"), broker.Ended{ClientID: "upstream/old/out"})
	s.die()
	spoil(t, segmentPath(dir, 1), "upstream/cloud/out")
	spoil(t, segmentPath(dir, 1), "client")
	for range 2 { // the second time it is as if nothing had happened
		s, err := Open(dir, tiny(), quiet(), "upstream/")
		if err != nil {
			t.Fatal(err)
		}
		if got := numbersOf(t, s, "upstream/cloud/out", 10); !slices.Equal(got, []uint64{1, 3}) {
			t.Errorf("%v wait", got)
		}
		if got := numbersOf(t, s, "client", 10); len(got) != 0 {
			t.Errorf("for a client whose user is not known %v wait", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
