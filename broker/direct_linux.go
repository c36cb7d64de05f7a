package broker

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"fieldmq/broker/packet"
)

// direct reads or writes a socket that does not block by system calls of which
// the scheduler is not told. Told, it would wake its monitor thread for each
// message that comes alone, and that costs more than the call. Its fields
// carry the arguments past the closure that RawConn wants, which so is made
// once only. One goroutine uses it at a time.
type direct struct {
	try   func(fd uintptr) bool
	place packet.Place // read: where to
	waits *atomic.Bool // read: set while there is nothing to read; nil: nobody asks
	buf   []byte
	n     int
	err   error
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

// read waits until there is something to read. The place is asked for room
// whenever there may be.
func (d *direct) read(raw syscall.RawConn, p packet.Place) (int, error) {
	if d.try == nil {
		d.try = func(fd uintptr) bool {
			d.waits.Store(false) // before the socket is empty; see idle
			d.buf = d.place.Room()
			done := d.call(rawRead, fd)
			if !done {
				d.buf = nil
				d.place.Rest()
				d.waits.Store(true)
			}
			return done
		}
	}
	d.place = p
	n, err := d.do(raw.Read, nil)
	if n == 0 && err == nil {
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

// socket reads a connection directly. It implements packet.Source.
type socket struct {
	raw    syscall.RawConn
	direct direct
}

// ReadInto implements packet.Source.
func (s *socket) ReadInto(p packet.Place) (int, error) { return s.direct.read(s.raw, p) }

// newReader reads the packets of a connection. It sets waits while there are
// none.
func (s *Server) newReader(conn net.Conn, waits *atomic.Bool, max int) *packet.Reader {
	if raw := rawConn(conn); raw != nil {
		return packet.NewLentReader(&socket{raw: raw, direct: direct{waits: waits}}, max, &s.buffers)
	}
	return packet.NewReader(&listening{conn, waits}, max)
}

// pending says whether a connection has bytes that were not read yet, as far
// as the kernel can tell.
func pending(conn net.Conn) (any bool) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	raw := rawConn(conn)
	if raw == nil {
		return false
	}
	var one [1]byte
	_ = raw.Control(func(fd uintptr) { // a closed one has none
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		any = err == nil && n > 0
	})
	return any
}
