package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SetPassword sets a user's password in a file of users, which is made if there
// is none, readable for its owner only, or for the group, too, that a folder is shared
// with which is shut to others. The file is replaced as a whole: a
// reader sees the old one or the new one. It says whether the user is new.
func SetPassword(file, name string, password []byte) (added bool, err error) {
	if err := ValidName(name); err != nil {
		return false, err
	}
	line := name + ":" + Encode(password)
	err = change(file, true, func(lines []string) ([]string, error) {
		i := find(lines, name)
		if added = i < 0; added {
			return append(lines, line), nil
		}
		lines[i] = line
		return lines, nil
	})
	return added, err
}

// Delete takes a user out of a file of users. It fails if there is none of the
// name.
func Delete(file, name string) error {
	return change(file, false, func(lines []string) ([]string, error) {
		i := find(lines, name)
		if i < 0 {
			return nil, fmt.Errorf("%s: there is no user %q", file, name)
		}
		return append(lines[:i], lines[i+1:]...), nil
	})
}

// find is the index of the user's line, -1 if there is none.
func find(lines []string, name string) int {
	for i, line := range lines {
		if before, _, ok := strings.Cut(line, ":"); ok && before == name {
			return i
		}
	}
	return -1
}

// change replaces a file by its edited lines.
func change(file string, create bool, edit func([]string) ([]string, error)) error {
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to // the link stays one
	}
	text, err := os.ReadFile(file)
	if err != nil && (!create || !errors.Is(err, os.ErrNotExist)) {
		return err
	}
	lines, err := edit(splitLines(string(text)))
	if err != nil {
		return err
	}
	return replace(file, strings.Join(append(lines, ""), "\n"))
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// replace writes a file anew. Owner and group stay; everybody else is shut out.
func replace(file, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".users-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := likeBefore(f, file); err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// likeBefore gives a new file the owner and the mode of the old one.
func likeBefore(f *os.File, old string) error {
	info, err := os.Stat(old)
	if errors.Is(err, os.ErrNotExist) {
		return likeFolder(f, filepath.Dir(old))
	} else if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && (int(owner.Uid) != os.Geteuid() || int(owner.Gid) != os.Getegid()) {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(info.Mode().Perm() &^ 0o007)
}

// likeFolder lets the group of a folder read a new file, where it is another one
// than ours, and nobody else may look into the folder: root writes what a service
// is to read.
func likeFolder(f *os.File, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Gid) == os.Getegid() || info.Mode().Perm()&0o057 != 0o050 || f.Chown(-1, int(owner.Gid)) != nil {
		return nil // it stays our own
	}
	return f.Chmod(0o640)
}
