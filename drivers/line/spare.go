package line

import (
	"sync"

	"golang.org/x/sys/unix"
)

// spare holds low file numbers for lines that were closed and will be opened
// again. The library cannot read from a file with the number 1024 or more, and
// by the time that an adapter comes back, clients of the broker may have all
// lower ones.
var spare reserve

// reserve is a stock of file numbers. They belong to /dev/null meanwhile.
type reserve struct {
	mu   sync.Mutex
	held []int
}

const (
	perLine   = 4    // files: of the library, its pipe, and the one for control
	mostSpare = 128  // numbers
	tooHigh   = 1024 // FD_SETSIZE
)

// keep takes the lowest free numbers for one line.
func (r *reserve) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range perLine {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		if fd >= tooHigh || len(r.held) >= mostSpare {
			unix.Close(fd)
			return
		}
		r.held = append(r.held, fd)
	}
}

// give sets the numbers of one line free.
func (r *reserve) give() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range perLine {
		if n := len(r.held); n > 0 {
			unix.Close(r.held[n-1])
			r.held = r.held[:n-1]
		}
	}
}
