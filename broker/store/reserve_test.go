package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fieldmq/broker"
)

// smallDisk lets the files of a store take so many bytes together.
func (s *Store) smallDisk(t *testing.T, size *int64) {
	used := func() (sum int64) {
		files, err := filepath.Glob(filepath.Join(s.dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if info, err := os.Stat(name); err == nil {
				sum += info.Size()
			}
		}
		return sum
	}
	s.disk.free = func(string) (int64, error) { return *size - used(), nil }
	s.disk.allocate = func(f *os.File, to int64) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if used()+to-info.Size() > *size {
			return syscall.ENOSPC
		}
		return allocate(f, to)
	}
}

// Others fill the disk to the last byte. What is settled then makes room again.
func TestADiskWithoutAByteIsNoEnd(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Config{Max: 1 << 30, Segment: 256 << 10})
	size := int64(4 << 20)
	s.smallDisk(t, &size)
	s.must(t, aQueue("up"))
	const messages = 1000
	for n := uint64(1); n <= messages; n++ {
		s.must(t, queued(n, strings.Repeat("x", 2000), "up"))
		if err := s.advance(); err != nil {
			t.Fatal(err)
		}
	}
	free, _ := s.disk.free(dir)
	size -= free // someone else has it
	s.checkRoom()
	for n := uint64(1); n <= messages; n++ {
		s.must(t, broker.Counted{ClientID: "up", Number: n, Account: fmt.Sprint("d", n), Reason: "backlog full", Count: 1})
	}
	for range 30 {
		if err := s.tend(true); err != nil {
			t.Fatal(err)
		}
	}
	if total, _ := s.Size(); total > 1<<20 {
		t.Errorf("%d bytes are left of what is settled", total)
	}
	s.must(t, queued(messages+1, "taken again", "up"))
	s.die()
	if _, err := os.Stat(filepath.Join(dir, reserveName)); err != nil {
		t.Errorf("the reserve is not there again: %v", err)
	}
	if _, damage := reopened(t, dir); len(damage) > 0 {
		t.Error(damage)
	}
}

func TestWithoutAReserveNoMessageIsTaken(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	size := int64(reserveSize + allocateStep)
	s.smallDisk(t, &size)
	s.must(t, entered("a"), queued(1, "taken", "a"))
	if !s.spend(fmt.Errorf("a write: %w", syscall.ENOSPC)) {
		t.Fatal("there was no reserve")
	}
	size = reserveSize
	s.checkRoom()
	if err := s.Append(queued(2, "too much", "a")); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	s.must(t, broker.Settled{ClientID: "a", Number: 1})
	size = reserveSize + allocateStep
	s.checkRoom()
	s.must(t, queued(3, "taken", "a"))
}
