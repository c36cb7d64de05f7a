package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// memoryDisk is TMPFS_MAGIC of linux/magic.h.
const memoryDisk = 0x01021994

func (d *doctor) disk(context.Context) {
	dir := d.General.Data
	if dir == "" {
		d.about("disk", "gateway.data").warn("name a folder under gateway.data", "nothing is kept: sessions, retained messages and counts are lost with a restart")
		return
	}
	r := d.about("disk", dir)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := filepath.Dir(dir); writable(parent) {
			r.ok("the folder is not there yet, and will be made")
		} else {
			r.bad(fmt.Sprintf("sudo install -d -o %s %s", who(), dir), "the folder is not there, and cannot be made in %s", parent)
		}
		return
	case err != nil:
		r.bad("", "%v", err)
		return
	case !info.IsDir():
		r.bad("name another folder under gateway.data", "this is no folder")
		return
	}
	d.room(r, dir)
	if !writable(dir) {
		var s unix.Statfs_t
		if unix.Statfs(dir, &s) == nil && s.Flags&unix.ST_RDONLY != 0 {
			r.bad("put gateway.data on a disk that can be written to; a read-only root is fine", "the disk is mounted read-only, and nothing can be kept")
			return
		}
		r.bad(fmt.Sprintf("sudo chown %s %s, or run this as the user of the service", who(), dir), "%s may not write there", who())
		return
	}
	r.ok("the folder can be written to")
}

// room looks at the space on the disk of a folder.
func (d *doctor) room(r report, dir string) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		r.warn("", "its space cannot be told: %v", err)
		return
	}
	free := int64(s.Bavail) * int64(s.Bsize)
	keep := int64(d.Store.KeepFree)
	switch {
	case s.Type == memoryDisk:
		r.warn("name a folder on a disk under gateway.data", "the folder is in memory, and is lost when the box is switched off")
	case free < keep:
		r.bad("make room, or lower store.keep_free", "%s are free, less than the %s that store.keep_free leaves to others: nothing more is stored", size(free), size(keep))
	case free < keep+int64(d.Store.Max)/10:
		r.warn("make room, or lower store.max", "%s are free, and the store may take %s", size(free), size(int64(d.Store.Max)))
	default:
		r.ok("%s are free", size(free))
	}
	if s.Files > 0 && s.Ffree < 100 {
		r.bad("remove files", "the disk takes %d more files only", s.Ffree)
	}
}

// writable says whether a file can be made in a folder; it makes one, and
// removes it.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

// who is the user that this runs as.
func who() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "$USER"
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
