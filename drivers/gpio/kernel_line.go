package gpio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelEvents is the number of edges that the kernel keeps for a line while
// we are busy: a second's worth of the fastest flow meters.
const kernelEvents = 1024

// eventSize is that of struct gpio_v2_line_event.
const eventSize = int(unsafe.Sizeof(unix.GPIOV2LineEvent{}))

// kernelLine is a line that the kernel has given to us.
type kernelLine struct {
	file   *os.File
	fd     int // the file's; file.Fd would make reads block
	offset int
	hold   time.Duration // for which the kernel debounces the line; set before listen
}

// debounced says whether the kernel tells only of levels that hold.
func (l *kernelLine) debounced() bool { return l.hold > 0 }

func newKernelLine(fd, offset int) (*kernelLine, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &kernelLine{file: os.NewFile(uintptr(fd), fmt.Sprint("line ", offset)), fd: fd, offset: offset}, nil
}

func (l *kernelLine) get() (bool, error) {
	v := unix.GPIOV2LineValues{Mask: 1}
	err := ioctl(l.fd, unix.GPIO_V2_LINE_GET_VALUES_IOCTL, &v)
	return v.Bits&1 == 1, err
}

func (l *kernelLine) set(level bool) error {
	v := unix.GPIOV2LineValues{Mask: 1, Bits: bit(level)}
	return ioctl(l.fd, unix.GPIO_V2_LINE_SET_VALUES_IOCTL, &v)
}

func (l *kernelLine) configure(c unix.GPIOV2LineConfig) error {
	return ioctl(l.fd, setConfig, &c)
}

func (l *kernelLine) Close() error { return l.file.Close() }

// listen hands edges over until the line is closed.
func (l *kernelLine) listen(f *feed) {
	buf := make([]byte, 16*eventSize)
	for {
		n, err := l.file.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil || n < eventSize {
			f.lose()
			return
		}
		now := clocks()
		for b := buf[:n]; len(b) >= eventSize; b = b[eventSize:] {
			if !f.tell(l.edge(b, now)) {
				return
			}
		}
	}
}

// edge reads a struct gpio_v2_line_event: the time in nanoseconds of the
// monotonic clock, and which edge it is. That of a debounced line is told when
// the level has held.
func (l *kernelLine) edge(b []byte, now clock) edge {
	ns := int64(binary.NativeEndian.Uint64(b))
	id := binary.NativeEndian.Uint32(b[8:])
	return edge{offset: l.offset, level: id == unix.GPIO_V2_LINE_EVENT_RISING_EDGE, at: now.at(ns).Add(-l.hold)}
}

// clock is one instant on two clocks.
type clock struct {
	wall      time.Time
	monotonic int64 // nanoseconds
}

func clocks() clock {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return clock{wall: time.Now()} // cannot be: every kernel has it
	}
	return clock{time.Now(), ts.Nano()}
}

// at turns an instant of the monotonic clock into one of ours.
func (c clock) at(ns int64) time.Time { return c.wall.Add(time.Duration(ns - c.monotonic)) }
