package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"fieldmq/broker"
)

// A memory card that is worn becomes read-only, and so the next start finds it.
func TestADiskThatIsReadOnlyIsReadAllTheSame(t *testing.T) {
	t.Run("whole", func(t *testing.T) { testReadOnly(t, 0, func(text []byte) []byte { return text }) })
	t.Run("with a damaged segment", func(t *testing.T) {
		testReadOnly(t, 1, func(text []byte) []byte {
			text[bytes.Index(text, []byte("2 is lost"))] ^= 1
			return text
		})
	})
	t.Run("with a damaged header behind it", func(t *testing.T) {
		testReadOnly(t, 1, func(text []byte) []byte { return text }, "no segment at all")
	})
}

// testReadOnly reads a segment that something has happened to, and perhaps others, from
// a disk that is read-only for a while.
func testReadOnly(t *testing.T, damages int, happens func([]byte) []byte, others ...string) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, aQueue("up"), queued(1, "1 waits", "up"), queued(2, "2 is lost", "up"), broker.Counted{ClientID: "up", Number: 2, Count: 1}, retained("r", "1"))
	s.die()
	text, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, segmentPath(dir, 1), happens(text))
	for i, text := range others {
		writeFile(t, segmentPath(dir, uint64(i+2)), []byte(text))
	}
	readOnly, broken := true, disk{os.OpenFile, syncData, allocate, freeSpace}
	broken.open = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		if readOnly && flag != os.O_RDONLY {
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EROFS}
		}
		return os.OpenFile(name, flag, mode)
	}
	s, err = open(dir, tiny(), broken, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Damage(); len(got) != damages {
		t.Errorf("damage %v", got)
	}
	if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{1}) {
		t.Errorf("%v waits", got)
	}
	if err := s.Append(broker.Counted{ClientID: "up", Number: 1, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a commit says %v", err)
	}
	if err := s.Append(queued(2, "2 does not find room", "up")); err == nil {
		t.Error("a message is taken")
	}
	readOnly = false
	if err := s.tend(true); err != nil {
		t.Fatal(err)
	}
	s.must(t, queued(3, "3 is taken again", "up"))
	s.die()
	s = mustOpen(t, dir, tiny())
	defer s.die()
	if got := numbersOf(t, s, "up", 10); !slices.Equal(got, []uint64{3}) {
		t.Errorf("%v waits", got)
	}
}

// The root of some boxes is read-only from the first start on.
func TestAReadOnlyFolderThatNeverHeldAStoreIsOne(t *testing.T) {
	bare := disk{os.OpenFile, syncData, allocate, freeSpace}
	bare.open = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		if flag != os.O_RDONLY {
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EROFS}
		}
		return os.OpenFile(name, flag, mode)
	}
	if _, err := open(t.TempDir(), tiny(), bare, quiet()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v", err)
	}
}

// A gateway that finds no room serves what needs none, and takes what comes once there
// is some: on its first day, and where a damaged segment cannot be written on.
func TestADiskThatIsFullDoesNotKeepTheStoreFromOpening(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, dir string){
		"the first time": func(*testing.T, string) {},
		"with a damaged segment": func(t *testing.T, dir string) {
			s := mustOpen(t, dir, tiny())
			s.must(t, aQueue("up"), queued(1, "1 waits", "up"), queued(2, "2 is lost", "up"), broker.Counted{ClientID: "up", Number: 2, Count: 1})
			s.die()
			spoil(t, segmentPath(dir, 1), "2 is lost")
			if err := os.Remove(filepath.Join(dir, reserveName)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			before(t, dir)
			room := false
			d := disk{os.OpenFile, syncData, nil, freeSpace}
			d.allocate = func(f *os.File, to int64) error {
				if !room {
					return syscall.ENOSPC
				}
				return allocate(f, to)
			}
			s, err := open(dir, tiny(), d, quiet())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Append(retained("r", "finds no room")); err == nil {
				t.Error("a message is taken")
			}
			room = true
			s.must(t, aQueue("down"))
			if err := s.tend(true); err != nil {
				t.Fatal(err)
			}
			s.must(t, queued(4, "4 is taken", "down"))
			s.die()
			s = mustOpen(t, dir, tiny())
			defer s.die()
			if got := numbersOf(t, s, "down", 10); !slices.Equal(got, []uint64{4}) {
				t.Errorf("%v waits", got)
			}
		})
	}
}
