//go:build unix

package broker

import (
	"net"
	"syscall"
)

// direct writes to a socket without waiting for it. Its fields carry the
// arguments of one write past the closure that RawConn wants, which so is made
// once only.
type direct struct {
	try func(fd uintptr) bool
	buf []byte
	n   int
	err error
}

// rawConn is the socket of a connection that carries packets as they are.
func rawConn(conn net.Conn) syscall.RawConn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil
		}
		return raw
	}
	return nil
}

// write writes as much of buf as the socket takes at once.
func (d *direct) write(raw syscall.RawConn, buf []byte) (int, error) {
	if d.try == nil {
		d.try = d.once
	}
	d.buf, d.n, d.err = buf, 0, nil
	err := raw.Write(d.try)
	d.buf = nil
	if err != nil {
		return 0, err
	}
	return d.n, d.err
}

func (d *direct) once(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), d.buf)
		switch err {
		case nil:
			d.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			d.err = err
		}
		return true
	}
}
