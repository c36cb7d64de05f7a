//go:build !unix

package store

import (
	"os"
	"path/filepath"
)

// lock has no effect where files cannot be locked; whoever opens the folder
// twice is not told.
func lock(dir string, d *disk) (*os.File, error) {
	return d.open(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
}

// syncFolder has no effect where folders cannot be synced.
func syncFolder(string) error { return nil }
