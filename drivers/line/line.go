// Package line opens serial lines: RS-232, RS-485 adapters, the pins of a
// Raspberry Pi, and pseudo terminals, which stand in for them.
//
// It drives the line through go.bug.st/serial and adds what a gateway needs
// that runs for years: exclusive use, bounded writes, the adapter's low
// latency, an adapter that is pulled out, and errors that say what to do.
package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"fieldmq/drivers"
)

var _ io.ReadWriteCloser = (*Line)(nil)

// Line is an open serial line. Read and Write may run side by side, each from
// one goroutine; Close may be called from any. When the adapter is gone, Read
// and Write return an error that wraps drivers.ErrBus; the line must then be
// closed, so that the adapter gets its old name back, and opened again.
type Line struct {
	port    serial.Port
	name    string
	timeout time.Duration // of Read
	longest time.Duration // a write may take
	closed  atomic.Bool
	tap     *drivers.Tap
	reading sync.Mutex // held by Read
	writing sync.Mutex // held by Write

	// control is a second descriptor of the same device, because that of
	// port is private. It holds the lock and writes without blocking.
	control int
	// direction turns the line to sending and back; nil: others do so.
	direction *direction
}

const (
	// patience is the longest time that Read needs to notice a Close.
	patience = 100 * time.Millisecond
	// grace is what a write may take beyond its time on the wire.
	grace = time.Second
	// queue is the number of bytes that may wait before a write.
	queue = 4096
)

// Open opens the line for exclusive use, and throws away what the other end
// said before. An error is an *OpenError, unless ctx has ended.
func Open(ctx context.Context, s Settings, log *slog.Logger) (*Line, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := locate("/", s.Port, s.memory)
	if err != nil {
		return nil, openError(s.Port, err)
	}
	if file != s.Port {
		log.Debug("the adapter has another name", "port", s.Port, "file", file)
	}
	spare.give()
	control, err := lock(file)
	if err != nil {
		spare.keep()
		return nil, openError(s.Port, err)
	}
	port, err := serial.Open(file, s.mode()) // sets TIOCEXCL as well
	if err != nil {
		unix.Close(control)
		spare.keep()
		return nil, openError(s.Port, err)
	}
	share(control)
	s.memory.remember("/", file)
	l := &Line{
		port:    port,
		name:    s.Port,
		timeout: time.Second,
		longest: queue*s.Char() + grace,
		control: control,
		tap:     s.tap,
	}
	// The first read finds a file with too high a number before the first use.
	if _, err := l.read(make([]byte, 1), 0); err != nil {
		l.Close()
		return nil, openError(s.Port, err)
	}
	if err := l.Discard(); err != nil {
		l.Close()
		return nil, openError(s.Port, err)
	}
	if l.direction, err = s.RS485.turn(control, s.Char()); err != nil {
		l.Close()
		return nil, openError(s.Port, err)
	}
	if err := lowLatency(control); err != nil {
		// Pseudo terminals and most on-board UARTs cannot, and need not.
		log.Debug("no low latency mode", "port", s.Port, "error", err)
	}
	return l, nil
}

// SetReadTimeout bounds each Read; one second unless told otherwise. Zero
// takes only what is there already. It belongs to the goroutine that reads.
func (l *Line) SetReadTimeout(d time.Duration) { l.timeout = max(d, 0) }

// Read waits for the first bytes and returns those that are there. After the
// time-out it returns 0 and no error, so io.ReadFull must not be used on it.
func (l *Line) Read(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	for deadline := time.Now().Add(l.timeout); ; {
		if l.closed.Load() {
			return 0, fmt.Errorf("read %s: %w", l.name, errClosed)
		}
		left := max(time.Until(deadline), 0)
		n, err := l.read(p, min(left, patience))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w: %w", l.name, drivers.ErrBus, gone(err))
		}
		if n > 0 || left <= patience {
			l.tap.Received(p[:n])
			return n, nil
		}
	}
}

// read is one bounded read of the library, which panics when the number of
// the open file is 1024 or more.
func (l *Line) read(p []byte, timeout time.Duration) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errTooManyFiles
		}
	}()
	if err := l.port.SetReadTimeout(timeout); err != nil {
		return 0, err
	}
	return l.port.Read(p)
}

// Write hands p to the line and returns before the last bit is on the wire.
// It fails when the line takes nothing for longer than p needs on the wire.
func (l *Line) Write(p []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.tap.Sent(p)
	n, err := l.send(p)
	if err != nil && !errors.Is(err, errClosed) {
		err = fmt.Errorf("%w: %w", drivers.ErrBus, gone(err))
	}
	if err != nil {
		return n, fmt.Errorf("write %s: %w", l.name, err)
	}
	return n, nil
}

// send writes, with the line turned to sending where that is up to us.
func (l *Line) send(p []byte) (int, error) {
	if l.direction == nil {
		return l.write(p)
	}
	began := time.Now()
	if err := l.direction.talk(); err != nil {
		return 0, err
	}
	n, err := l.write(p)
	if err != nil {
		return n, errors.Join(err, l.direction.listen())
	}
	return n, l.direction.quiet(n, began, l.longest)
}

func (l *Line) write(p []byte) (int, error) {
	for n, deadline := 0, time.Now().Add(l.longest); ; {
		if l.closed.Load() {
			return n, errClosed // its number may belong to another file by now
		}
		w, err := unix.Write(l.control, p[n:])
		n += max(w, 0)
		switch {
		case n == len(p):
			return n, nil
		case err != nil && err != unix.EAGAIN && err != unix.EINTR:
			return n, err
		case time.Now().After(deadline):
			return n, errStuck
		}
		room := []unix.PollFd{{Fd: int32(l.control), Events: unix.POLLOUT}}
		if _, err := unix.Poll(room, int(patience.Milliseconds())); err != nil && err != unix.EINTR {
			return n, err
		}
	}
}

// Discard throws away what was received and not read, and what was written
// and not sent.
func (l *Line) Discard() error {
	if err := l.port.ResetInputBuffer(); err != nil {
		return fmt.Errorf("discard input of %s: %w: %w", l.name, drivers.ErrBus, err)
	}
	if err := l.port.ResetOutputBuffer(); err != nil {
		return fmt.Errorf("discard output of %s: %w: %w", l.name, drivers.ErrBus, err)
	}
	return nil
}

// Close ends a Read or Write that still runs, and releases the line. A second
// call does nothing.
func (l *Line) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	err := errors.Join(l.port.Close(), unix.Close(l.control))
	spare.keep()
	return err
}
