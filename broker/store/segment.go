package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// A segment's header: the magic, the version of the format, and the salt of
// its checksums.
const (
	magic      = "fieldmq\x00"
	version    = 3              // written; earlier ones are read, too, see FORMAT.md
	headerSize = len(magic) + 8 // in bytes
)

// allocateStep is how much room a segment takes from the file system at a time,
// in bytes. A file that has its room is synced without its size.
const allocateStep = 256 << 10

// segment is one file of the log.
type segment struct {
	number uint64
	path   string
	salt   uint32
	old    bool // of an earlier version: nothing is written to it

	// The store's lock guards these.
	end     int64 // where the next record goes
	flushed int64 // what stands before it is in the file
	live    int64 // bytes of records that still count; roughly

	// The writer's own.
	file      *os.File // nil: not open for writing
	unmade    bool     // there is no file yet
	allocated int64
	dirty     bool  // written to since the last sync
	named     bool  // the folder's entry is on the disk
	failed    error // of the first sync that did; there is no second one

	held *os.File // by an inspection: it is read though it may be removed meanwhile
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x.log", number))
}

// segmentNumber is the number in a file's name.
func segmentNumber(name string) (n uint64, ok bool) {
	if len(name) != len("0000000000000000.log") {
		return 0, false
	}
	if _, err := fmt.Sscanf(name, "%016x.log", &n); err != nil {
		return 0, false
	}
	return n, name == filepath.Base(segmentPath("", n))
}

// newSegment is a segment that has no file yet: it gets one when it is written to.
func newSegment(dir string, number uint64) *segment {
	return &segment{number: number, path: segmentPath(dir, number), salt: rand.Uint32(), end: int64(headerSize), flushed: int64(headerSize), unmade: true}
}

// create makes the file of a new segment.
func create(dir string, number uint64, d *disk) (*segment, error) {
	g := newSegment(dir, number)
	if err := g.make(d); err != nil {
		return nil, err
	}
	return g, nil
}

// make makes the file of a segment.
func (g *segment) make(d *disk) (err error) {
	if g.file, err = d.open(g.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return err
	}
	header := binary.LittleEndian.AppendUint32([]byte(magic), version)
	header = binary.LittleEndian.AppendUint32(header, g.salt)
	if err := g.write(header, 0, d); err != nil {
		g.close()
		os.Remove(g.path)
		return err
	}
	g.unmade = false
	return nil
}

// readHeader is the salt of a segment, and whether it is of an earlier version.
// It fails for a file that is none, or of
// a format that this program does not know.
func readHeader(text []byte) (salt uint32, old bool, err error) {
	if len(text) < headerSize || string(text[:len(magic)]) != magic {
		return 0, false, errNoSegment
	}
	v := binary.LittleEndian.Uint32(text[len(magic):])
	switch {
	case v == 0: // a header that was not written to its end
		return 0, false, errNoSegment
	case v > version:
		return 0, false, &VersionError{v}
	}
	return binary.LittleEndian.Uint32(text[len(magic)+4:]), v < version, nil
}

// write writes at an offset. After a failure the same bytes may be written
// again.
func (g *segment) write(buf []byte, at int64, d *disk) error {
	if err := g.reopen(d); err != nil {
		return err
	}
	if to := at + int64(len(buf)); to > g.allocated {
		room := (to + allocateStep - 1) / allocateStep * allocateStep
		err := d.allocate(g.file, room)
		if noRoom(err) { // but perhaps for this
			room = to
			err = d.allocate(g.file, room)
		}
		if err != nil {
			return fmt.Errorf("make room in %s: %w", g.path, err)
		}
		g.allocated = room
	}
	g.dirty = true
	_, err := g.file.WriteAt(buf, at)
	return err
}

// sync returns when all that was written is on the disk. After a failure the
// file is not to be relied on: the kernel has forgotten what it could not write.
func (g *segment) sync(d *disk) error {
	if !g.dirty {
		return nil
	}
	if g.failed != nil {
		return g.failed
	}
	if err := g.reopen(d); err != nil {
		return err
	}
	if err := d.sync(g.file); err != nil {
		g.failed = fmt.Errorf("sync %s: %w", g.path, err)
		return g.failed
	}
	if !g.named {
		if err := syncFolder(filepath.Dir(g.path)); err != nil {
			return err
		}
		g.named = true
	}
	g.dirty = false
	return nil
}

// resume makes the last segment of an earlier life the one to write to. A disk that is
// read-only now may not always be.
func (g *segment) resume(d *disk) error {
	g.dirty = true
	err := g.reopen(d)
	if errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}

// reopen opens a segment for writing.
func (g *segment) reopen(d *disk) (err error) {
	switch {
	case g.file != nil:
	case g.unmade:
		err = g.make(d)
	default:
		g.file, err = d.open(g.path, os.O_RDWR, 0)
	}
	return err
}

func (g *segment) close() {
	if g.file != nil {
		g.file.Close()
		g.file = nil
	}
}

// seal gives the room back that was not used.
func (g *segment) seal(end int64, d *disk) error {
	if g.allocated > end {
		if err := g.reopen(d); err != nil {
			return err
		}
		g.dirty = true
		g.allocated = end
		return g.file.Truncate(end)
	}
	return nil
}
