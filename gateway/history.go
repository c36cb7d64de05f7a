package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// History is the texts of the configuration that were in force, for a way back.
// They are kept in the folder config of gateway.data, readable by its user only
// because they may hold secrets; without a folder, in memory.
type History struct {
	dir   string
	texts [][]byte // the newest last; without a folder
}

// mostTexts is how many are kept.
const mostTexts = 5

// OpenHistory is that of a folder gateway.data, or of none. Nothing is opened.
func OpenHistory(data string) *History {
	if data == "" {
		return &History{}
	}
	return &History{dir: filepath.Join(data, "config")}
}

// Add makes a text the newest.
func (h *History) Add(text []byte) error {
	if newest, err := h.newest(0); err == nil && bytes.Equal(newest, text) {
		return nil
	}
	if h.dir == "" {
		h.texts = append(h.texts, bytes.Clone(text))
		h.texts = h.texts[max(0, len(h.texts)-mostTexts):]
		return nil
	}
	files, err := h.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return err
	}
	number := 1
	if len(files) > 0 {
		_, _ = fmt.Sscanf(files[len(files)-1], "%d", &number)
		number++
	}
	if err := ReplaceFile(filepath.Join(h.dir, fmt.Sprintf("%06d.yaml", number)), text, 0o600); err != nil {
		return err
	}
	for _, old := range files[:max(0, len(files)+1-mostTexts)] {
		_ = os.Remove(filepath.Join(h.dir, old)) // one too many does no harm
	}
	return nil
}

// Before is the text to go back to from what the file says now: what was in
// force before it, or what is in force if the file says something else.
func (h *History) Before(now []byte) ([]byte, error) {
	newest, err := h.newest(0)
	if err == nil && bytes.Equal(newest, now) {
		newest, err = h.newest(1)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no earlier configuration to go back to")
	}
	return newest, err
}

// newest is the newest text but so many.
func (h *History) newest(but int) ([]byte, error) {
	if h.dir == "" {
		if but >= len(h.texts) {
			return nil, fs.ErrNotExist
		}
		return h.texts[len(h.texts)-1-but], nil
	}
	files, err := h.files()
	if err != nil {
		return nil, err
	}
	if but >= len(files) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(h.dir, files[len(files)-1-but]))
}

// files are the names of the texts, the newest last.
func (h *History) files() ([]string, error) {
	entries, err := os.ReadDir(h.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if fine, _ := filepath.Match("[0-9][0-9][0-9][0-9][0-9][0-9].yaml", e.Name()); fine {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// ReplaceFile writes a file so that a crash leaves the old or the new one. One
// that is there keeps its rights and its owner.
func ReplaceFile(path string, text []byte, mode fs.FileMode) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	return errors.Join(err, likeBefore(temp, path, mode), temp.Sync(), temp.Close(), os.Rename(temp.Name(), path), syncDir(filepath.Dir(path)))
}

func likeBefore(file *os.File, path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return file.Chmod(mode)
	}
	if err := file.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	return sameOwner(file, info)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
