package cable

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// link makes path lead to port. A link that leads nowhere, or to a pseudo
// terminal that no cable owns any more, was left behind by a simulator that
// was killed, and is replaced; anything else is somebody's. The caller has
// claimed the path.
func link(path, port string) error {
	if path == "" {
		return nil
	}
	if old, err := os.Readlink(path); err == nil {
		_, err := os.Stat(path)
		if !errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(old, "/dev/pts/") {
			return fmt.Errorf("%s exists and leads to %s", path, old)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.Symlink(port, path)
}

// claim makes the path ours among all simulators of this machine, until the
// claim is closed or the process ends, however it ends: the names of pseudo
// terminals are used again, so that a link alone does not tell whose it is.
func claim(path string) (io.Closer, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("@fieldmq-sim/cable/%x", sha256.Sum256([]byte(full)))
	l, err := net.Listen("unix", name)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another simulator answers at %s", path)
	}
	return l, err
}

// unlink removes what link made, unless it was changed since.
func unlink(path, port string) error {
	if path == "" {
		return nil
	}
	if to, err := os.Readlink(path); err != nil || to != port {
		return nil
	}
	return os.Remove(path)
}
