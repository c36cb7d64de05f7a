package broker

import (
	"io"
	"net"
	"syscall"
)

// direct reads or writes a socket that does not block by system calls of which
// the scheduler is not told. Told, it would wake its monitor thread for each
// message that comes alone, and that costs more than the call. Its fields
// carry the arguments past the closure that RawConn wants, which so is made
// once only. One goroutine uses it at a time.
type direct struct {
	try func(fd uintptr) bool
	buf []byte
	n   int
	err error
}

// rawConn is the socket of a connection that carries packets as they are; nil:
// it is no such one.
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
		d.try = func(fd uintptr) bool {
			d.call(rawWrite, fd)
			return true // what does not fit is the caller's
		}
	}
	return d.do(raw.Write, buf)
}

// read waits until there is something to read.
func (d *direct) read(raw syscall.RawConn, buf []byte) (int, error) {
	if d.try == nil {
		d.try = func(fd uintptr) bool { return d.call(rawRead, fd) }
	}
	n, err := d.do(raw.Read, buf)
	if n == 0 && err == nil && len(buf) > 0 {
		err = io.EOF
	}
	return n, err
}

func (d *direct) do(with func(func(uintptr) bool) error, buf []byte) (int, error) {
	d.buf, d.n, d.err = buf, 0, nil
	err := with(d.try)
	d.buf = nil
	if err == nil {
		err = d.err
	}
	return d.n, err
}

// call reads or writes buf. It says false if that would have to wait.
func (d *direct) call(transfer func(fd uintptr, buf []byte) (int, error), fd uintptr) bool {
	if len(d.buf) == 0 {
		return true
	}
	for {
		n, err := transfer(fd, d.buf)
		switch err {
		case nil:
			d.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		default:
			d.err = err
		}
		return true
	}
}

// socket reads a connection directly.
type socket struct {
	raw    syscall.RawConn
	direct direct
}

func (s *socket) Read(buf []byte) (int, error) { return s.direct.read(s.raw, buf) }

// source is where the packets of a connection are read.
func source(conn net.Conn) io.Reader {
	if raw := rawConn(conn); raw != nil {
		return &socket{raw: raw}
	}
	return conn
}
