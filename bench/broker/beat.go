//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// beat is a kernel timer that ticks at equal distances. The runtime's own
// timers wake an idle process by milliseconds only.
type beat struct{ file *os.File }

func newBeat(every time.Duration) (*beat, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	t := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: t, Value: t}, nil); err != nil {
		_ = unix.Close(fd) // it is of no use
		return nil, fmt.Errorf("timer of %v: %w", every, err)
	}
	return &beat{os.NewFile(uintptr(fd), "timer")}, nil
}

// wait waits for a tick, and says how many have passed since the last one.
func (b *beat) wait() (ticks uint64, err error) {
	var buf [8]byte
	if _, err := b.file.Read(buf[:]); err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint64(buf[:]), nil
}

func (b *beat) close() error { return b.file.Close() }
