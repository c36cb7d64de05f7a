package cable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// link makes path lead to port. A link that leads nowhere, such as a killed
// simulator leaves behind, is replaced; anything else is somebody's.
func link(path, port string) error {
	if path == "" {
		return nil
	}
	if old, err := os.Readlink(path); err == nil {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists and leads to %s", path, old)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.Symlink(port, path)
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
