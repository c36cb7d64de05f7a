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
	orphans  []*sessionRecord // of queues whose own records were damaged
	next     uint64           // the number of the next segment
	useless  []string         // files that are no segments
	torn     []*segment       // there is something behind their end
	whole    bool             // the last segment can be written on
	files    fetcher
}

// read reads the segments of a folder in their order, as FORMAT.md says. each
// gets the records as they come.
func read(dir string, each func(record), queues ...string) (*recovered, error) {
	all, err := segmentsIn(dir)
	if err != nil {
		return nil, err
	}
	return readAll(dir, all, each, queues...)
}

// segmentsIn finds the segments of a folder, in their order.
func segmentsIn(dir string) (all []*segment, err error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by number
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if number, ok := segmentNumber(e.Name()); ok {
			all = append(all, &segment{number: number, path: segmentPath(dir, number), dirty: true})
		}
	}
	return all, nil
}

func readAll(dir string, all []*segment, each func(record), queues ...string) (*recovered, error) {
	r := &recovered{state: newState(), next: 1}
	defer func() { r.files = fetcher{} }()
	defer r.files.close()
	for i, g := range all {
		if g.number != r.next && r.next != 1 {
			r.add(segmentPath(dir, r.next), 0, "missing")
		}
		r.next = g.number + 1
		if err := r.segment(g, i == len(all)-1, each); err != nil {
			return nil, err
		}
	}
	r.orphans = r.state.orphans(queues)
	r.state.prune(r.orphans)
	r.state.changed = false
	return r, nil
}

func (r *recovered) add(file string, bytes int64, text string) {
	r.damage = append(r.damage, Damage{filepath.Base(file), bytes, text})
}

// segment reads one segment.
func (r *recovered) segment(g *segment, last bool, each func(record)) error {
	if err := r.files.open(g); err != nil {
		return err
	}
	header, err := r.files.read(0, int64(headerSize))
	if err != nil {
		return err
	}
	var version *VersionError
	g.salt, g.old, err = readHeader(header)
	switch {
	case errors.As(err, &version):
		return fmt.Errorf("%s: %w", g.path, err)
	case err != nil:
		return r.setAside(g, last)
	}
	r.segments = append(r.segments, g)
	found, err := r.files.scan(g, func(rec record, at int64, size int) {
		r.state.apply(rec, place{g, at, size})
		each(rec)
	})
	if err != nil {
		return err
	}
	g.end, g.flushed, g.allocated = found.end, found.end, found.size
	if found.lost > 0 {
		r.add(g.path, found.lost, "damaged")
	}
	if found.torn {
		r.add(g.path, found.size-found.end, "torn at the end")
		r.torn = append(r.torn, g)
	}
	r.whole = found.lost == 0 && !g.old
	return nil
}

// setAside notes a file that is no segment. The last one had just begun if nothing was
// written to it: that is no damage, and it begins anew.
func (r *recovered) setAside(g *segment, last bool) error {
	text, err := os.ReadFile(g.path)
	if err != nil {
		return err
	}
	r.whole = false
	if last && zeros(text) {
		r.next = g.number
		return nil
	}
	r.useless = append(r.useless, g.path)
	r.add(g.path, int64(len(text)), "no segment")
	return nil
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
