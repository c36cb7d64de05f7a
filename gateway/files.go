package gateway

import (
	"os"
	"syscall"
	"time"
)

// files are files whose change is noticed. Only one goroutine looks at a time.
type files struct {
	paths []string
	seen  []stamp
}

// stamp changes with a file, be it written to or replaced.
type stamp struct {
	inode, size int64
	time        time.Time
	missing     bool
}

// newFiles watches the paths that are not empty.
func newFiles(paths ...string) files {
	var f files
	for _, p := range paths {
		if p != "" {
			f.paths = append(f.paths, p)
		}
	}
	f.seen = f.look()
	return f
}

// changed says whether one is another than when last asked.
func (f *files) changed() bool {
	now, changed := f.look(), false
	for i := range now {
		changed = changed || now[i] != f.seen[i]
	}
	f.seen = now
	return changed
}

func (f *files) look() []stamp {
	stamps := make([]stamp, len(f.paths))
	for i, p := range f.paths {
		info, err := os.Stat(p)
		if err != nil {
			stamps[i].missing = true
			continue
		}
		stamps[i] = stamp{size: info.Size(), time: info.ModTime()}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			stamps[i].inode = int64(s.Ino)
		}
	}
	return stamps
}
