package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// fetcher reads single records. It keeps the last file open and a piece of it in
// memory, for the next record is likely to be there too. A file that is removed
// meanwhile is still read.
type fetcher struct {
	segment *segment
	file    *os.File
	piece   []byte // of the file
	at      int64  // where it begins
}

// pieceSize is how much is read at once, in bytes.
const pieceSize = 32 << 10

func (f *fetcher) close() {
	if f.file != nil && f.file != f.segment.held {
		f.file.Close()
	}
	*f = fetcher{piece: f.piece[:0]}
}

// open opens the file of a segment, unless it is open.
func (f *fetcher) open(g *segment) error {
	if f.segment == g {
		return nil
	}
	f.close()
	file := g.held
	if file == nil {
		var err error
		if file, err = os.Open(g.path); err != nil {
			return err
		}
	}
	f.file, f.segment = file, g
	return nil
}

// errGone: a record is not where it was: it was copied, and the segment removed.
var errGone = errors.New("moved")

// errLost: a record could not be read when its segment was to be removed.
var errLost = errors.New("the record is lost")

// frame reads the bytes of a record that stands at a place. They hold until the
// next call.
func (f *fetcher) frame(at place) ([]byte, error) {
	err := f.open(at.segment)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errGone
	}
	if err != nil {
		return nil, err
	}
	if off := at.offset - f.at; off >= 0 && off+int64(at.size) <= int64(len(f.piece)) {
		return f.piece[off : off+int64(at.size)], nil
	}
	if cap(f.piece) < pieceSize || at.size > cap(f.piece) || cap(f.piece) > 4*max(pieceSize, at.size) {
		f.piece = make([]byte, max(pieceSize, at.size))
	}
	n, err := f.file.ReadAt(f.piece[:cap(f.piece)], at.offset)
	f.piece, f.at = f.piece[:n], at.offset
	if n < at.size {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		f.piece = f.piece[:0]
		return nil, err
	}
	return f.piece[:at.size], nil
}

// fetch reads the record at a place, which was read or written before.
func fetch[R record](f *fetcher, at place) (r R, err error) {
	if at.segment == nil {
		return r, errLost
	}
	for range 2 {
		frame, err := f.frame(at)
		if err != nil {
			return r, err
		}
		if int(binary.LittleEndian.Uint32(frame))+frameHeader == len(frame) {
			if r, ok := decodeFrame(frameAt(at.segment.salt, frame)).(R); ok {
				return r, nil
			}
		}
		f.piece = f.piece[:0] // it may have been read before the record was written
	}
	return r, fmt.Errorf("%s: record at %d cannot be read any more", at.segment.path, at.offset)
}
