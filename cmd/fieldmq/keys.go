package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// keys calls pressed for each key of a terminal, until ctx ends; Ctrl-C stays
// a signal. It does nothing where in is no terminal.
func keys(ctx context.Context, in *os.File, pressed func(byte)) error {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	// One key at a time, and none waited for: a read returns after a tenth of
	// a second, so that ctx can end it.
	single := *before
	single.Lflag &^= unix.ICANON | unix.ECHO
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 0, 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &single); err != nil {
		return err
	}
	defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }()
	key := make([]byte, 1)
	for ctx.Err() == nil {
		n, err := unix.Read(fd, key)
		switch {
		case n == 1:
			pressed(key[0])
		case err == unix.EINTR:
		case err != nil:
			return err
		default:
			time.Sleep(time.Millisecond) // a hung up terminal gives nothing at once
		}
	}
	return nil
}
