package store

import (
	"encoding/binary"
	"errors"
	"io"
)

// scanned is what the file of a segment has been found to be.
type scanned struct {
	end  int64 // where the last good record ends
	lost int64 // how many bytes before that make no sense
	size int64 // of the file
	torn bool  // something stands behind the end
}

// scan calls each for the records of a segment, with their places, in order. It
// holds a piece of the file in memory, for a segment may have grown far beyond its
// size; only from where something makes no sense is the rest read at once, to be
// searched.
func (f *fetcher) scan(g *segment, each func(r record, at int64, size int)) (s scanned, err error) {
	if err := f.open(g); err != nil {
		return s, err
	}
	info, err := f.file.Stat()
	if err != nil {
		return s, err
	}
	for at := int64(headerSize); ; {
		frame, err := f.follow(g, at, info.Size())
		if err != nil {
			return s, err
		}
		r := decodeFrame(frame)
		if r == nil {
			return f.scanRest(g, at, info.Size(), each)
		}
		each(r, at, len(frame))
		at += int64(len(frame))
	}
}

// follow is the frame that begins at an offset, nil if none does.
func (f *fetcher) follow(g *segment, at, size int64) ([]byte, error) {
	room := size - at - frameHeader
	if room <= 0 {
		return nil, nil
	}
	head, err := f.frame(place{g, at, frameHeader})
	if err == nil {
		n := binary.LittleEndian.Uint32(head)
		if n == 0 || n > maxRecord || int64(n) > room {
			return nil, nil
		}
		head, err = f.frame(place{g, at, frameHeader + int(n)})
	}
	if errors.Is(err, io.ErrUnexpectedEOF) { // it became shorter
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return frameAt(g.salt, head), nil
}

// scanRest is scan for what stands behind the records that follow each other.
func (f *fetcher) scanRest(g *segment, from, size int64, each func(r record, at int64, size int)) (scanned, error) {
	rest, err := f.read(from, size-from)
	if err != nil {
		return scanned{}, err
	}
	end, lost := search(g.salt, rest, func(r record, at int64, size int) { each(r, from+at, size) })
	return scanned{end: from + end, lost: lost, size: from + int64(len(rest)), torn: !zeros(rest[end:])}, nil
}

// read reads so many bytes of the file that is open, or fewer if it ends before.
func (f *fetcher) read(at, size int64) ([]byte, error) {
	text := make([]byte, max(0, size))
	n, err := f.file.ReadAt(text, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text[:n], err
}

func zeros(run []byte) bool {
	for _, b := range run {
		if b != 0 {
			return false
		}
	}
	return true
}
