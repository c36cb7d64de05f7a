package store

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// People remove folders that are in use, or put a backup in their place. The file that
// is written to stays open then, and takes all that comes, for nobody to find.

var errReplaced = errors.New("other files have taken the place of the store's: the gateway must be started again")

// attend sees to it that the files are where they belong. While they are not, nothing
// is acknowledged.
func (s *Store) attend() error {
	s.misplaced = s.present()
	return s.misplaced
}

func (s *Store) present() error {
	g := s.pending.segment // only this goroutine changes it
	if g.file == nil {
		return nil
	}
	there, err := os.Stat(g.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return s.putBack(g)
	case err != nil:
		return nil //nolint:nilerr // a disk that fails says so when it is written to
	case sameFile(g.file, there):
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = errReplaced
	return errReplaced
}

func sameFile(open *os.File, there os.FileInfo) bool {
	ours, err := open.Stat()
	return err != nil || os.SameFile(ours, there)
}

// putBack makes the folder again, with what the open segment holds. What others held
// is lost, and is told of when it is read.
func (s *Store) putBack(g *segment) error {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if there, err := os.Stat(filepath.Join(s.dir, lockName)); err != nil || !sameFile(s.lock, there) {
		fresh, err := lock(s.dir, &s.disk)
		if err != nil {
			return err
		}
		s.lock.Close()
		s.lock = fresh
	}
	file, err := s.disk.open(g.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, io.NewSectionReader(g.file, 0, g.flushed)); err != nil {
		file.Close()
		os.Remove(g.path)
		return err
	}
	g.file.Close()
	g.file, g.allocated, g.dirty, g.named = file, 0, true, false
	s.since, s.reserved = time.Now(), false
	s.log.Error("the files of the store were removed while it is in use; what was still open is there again, the rest is lost", "folder", s.dir)
	return nil
}

// salvage writes anew what is in memory of the facts that have their place in a
// segment, for their records cannot be read: sessions, and what is kept by key.
func (s *Store) salvage(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.state.clients)) {
		if c := s.state.clients[id]; c.place.segment == g {
			s.put(c.record())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.state.kept)) {
		if k := s.state.kept[key]; k.place.segment == g {
			s.put(&keptRecord{key, k.value})
		}
	}
}
