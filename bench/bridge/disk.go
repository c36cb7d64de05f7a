//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// mount puts a small file system under the gateway's data.
func (w *world) mount(size int) error {
	if err := syscall.Mount("none", w.data, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small file system on %s, for which one must be root: %w", w.data, err)
	}
	w.undo = append(w.undo, func() { _ = syscall.Unmount(w.data, syscall.MNT_DETACH) }) // the folder goes anyway
	return nil
}

// ballast fills the file system under the gateway's data but for some bytes. The
// function gives them back.
func (w *world) ballast(leave int64) (free func() error, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(w.data, &fs); err != nil {
		return nil, err
	}
	size := int64(fs.Bavail)*int64(fs.Bsize) - leave
	file := filepath.Join(w.data, "ballast")
	if size > 0 {
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			return nil, err
		}
	}
	return func() error { return os.Remove(file) }, nil
}

// files are those in which a peer keeps its messages, in the order in which it
// writes them.
func (w *world) files() ([]string, error) {
	var found []string
	for _, pattern := range []string{"*.log", "*.db"} {
		names, err := filepath.Glob(filepath.Join(w.data, pattern))
		if err != nil {
			return nil, err
		}
		found = append(found, names...)
	}
	slices.Sort(found)
	if len(found) == 0 {
		return nil, fmt.Errorf("nothing is kept in %s", w.data)
	}
	return found, nil
}

// ending is how many zeros a record may end with.
const ending = 8

// last is where the last file is written to: behind what is not zero, and the
// zeros with which a record may end.
func (w *world) last() (file string, text []byte, end int, err error) {
	names, err := w.files()
	if err != nil {
		return "", nil, 0, err
	}
	file = names[len(names)-1]
	if text, err = os.ReadFile(file); err != nil {
		return "", nil, 0, err
	}
	end = len(text)
	for end > 0 && text[end-1] == 0 {
		end--
	}
	return file, text, min(end+ending, len(text)), nil
}

// scribble writes behind the end of the log what a power cut may leave there:
// zeros, or half a record of noise.
func (w *world) scribble() error {
	file, text, end, err := w.last()
	if err != nil {
		return err
	}
	noise := make([]byte, 200+w.rand.IntN(5000))
	if w.rand.IntN(2) == 0 {
		for i := range noise {
			noise[i] = byte(w.rand.Uint32())
		}
	}
	return os.WriteFile(file, append(text[:end:end], noise...), 0o600)
}

// tear takes bytes off the end of the log.
func (w *world) tear() error {
	file, text, end, err := w.last()
	if err != nil {
		return err
	}
	cut := min(end/2, 1+w.rand.IntN(2000))
	w.torn += cut
	return os.WriteFile(file, text[:end-cut], 0o600)
}

// flip turns one bit of the log round.
func (w *world) flip() error {
	file, text, end, err := w.last()
	if err != nil {
		return err
	}
	at := end/4 + w.rand.IntN(max(1, end/2))
	text[at] ^= 1 << w.rand.IntN(8)
	w.torn += w.payload // the record that it is in
	return os.WriteFile(file, text, 0o600)
}
