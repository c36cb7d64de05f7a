package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Damage is a place of the log that could not be read. What it held is lost;
// the rest is not.
type Damage struct {
	File  string
	Bytes int64 // 0: unknown
	Text  string
}

func (d Damage) String() string {
	if d.Bytes == 0 {
		return fmt.Sprintf("%s: %s", d.File, d.Text)
	}
	return fmt.Sprintf("%s: %s, %d bytes", d.File, d.Text, d.Bytes)
}

// recovered is what a folder holds. Reading it changes nothing.
type recovered struct {
	state    *state
	segments []*segment
	damage   []Damage
	next     uint64     // the number of the next segment
	useless  []string   // files that are no segments
	torn     []*segment // there is something behind their end
	whole    bool       // the last segment can be written on
}

// read reads the segments of a folder in their order, as FORMAT.md says. each
// gets the records as they come.
func read(dir string, each func(record)) (*recovered, error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by number
	if err != nil {
		return nil, err
	}
	r := &recovered{state: newState(), next: 1}
	for _, e := range entries {
		number, ok := segmentNumber(e.Name())
		if !ok {
			continue
		}
		if number != r.next && r.next != 1 {
			r.add(segmentPath(dir, r.next), 0, "missing")
		}
		r.next = number + 1
		if err := r.segment(dir, number, each); err != nil {
			return nil, err
		}
	}
	r.state.prune()
	r.state.changed = false
	return r, nil
}

func (r *recovered) add(file string, bytes int64, text string) {
	r.damage = append(r.damage, Damage{filepath.Base(file), bytes, text})
}

// segment reads one segment.
func (r *recovered) segment(dir string, number uint64, each func(record)) error {
	g := &segment{number: number, path: segmentPath(dir, number), dirty: true}
	text, err := os.ReadFile(g.path)
	if err != nil {
		return err
	}
	var version *VersionError
	g.salt, err = readHeader(text)
	switch {
	case errors.As(err, &version):
		return fmt.Errorf("%s: %w", g.path, err)
	case err != nil:
		r.useless = append(r.useless, g.path)
		if !zeros(text) {
			r.add(g.path, int64(len(text)), "no segment")
		}
		r.whole = false
		return nil
	}
	r.segments = append(r.segments, g)
	end, lost := scan(g.salt, text, func(rec record, at int64, size int) {
		r.state.apply(rec, place{g, at, size})
		each(rec)
	})
	g.end, g.allocated = end, int64(len(text))
	if lost > 0 {
		r.add(g.path, lost, "damaged")
	}
	if !zeros(text[end:]) {
		r.add(g.path, int64(len(text))-end, "torn at the end")
		r.torn = append(r.torn, g)
	}
	r.whole = lost == 0
	return nil
}

func zeros(run []byte) bool {
	for _, b := range run {
		if b != 0 {
			return false
		}
	}
	return true
}

// last is the segment that can be written on, nil if there is none.
func (r *recovered) last() *segment {
	if !r.whole {
		return nil
	}
	return r.segments[len(r.segments)-1]
}

// tidy renames files that are no segments, for whoever wants to look, and cuts
// off what is torn, so that it is reported once.
func (r *recovered) tidy() error {
	for _, g := range r.torn {
		if err := os.Truncate(g.path, g.end); err != nil {
			return err
		}
		g.allocated = g.end
	}
	for _, path := range r.useless {
		if err := os.Rename(path, path+".bad"); err != nil {
			return err
		}
	}
	return nil
}
