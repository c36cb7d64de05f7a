package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"fieldmq/drivers"
)

// endpoint is the other end of a bus on a network, as far as one gets to it.
type endpoint interface {
	// connect makes a connection, or takes the one that the peer has made. An
	// error that reads as drivers.ErrOffline says that the peer is to come, and
	// has not yet.
	connect(context.Context) (net.Conn, error)
	// newer says whether the peer has made another connection since, which
	// means that it takes the old one for dead.
	newer() bool
	String() string
	Close() error
}

// caller is a peer that is called.
type caller struct {
	network string // "tcp" or "udp"
	address string
	timeout time.Duration
	secure  func() (*tls.Config, error) // nil: in the clear
}

func (c *caller) String() string { return c.address }

func (c *caller) newer() bool { return false }

func (c *caller) Close() error { return nil }

// connect connects. The kernel gives up a peer that vanished without a word: by
// keepalive when nothing is sent, else when nothing is acknowledged.
func (c *caller) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	d := net.Dialer{KeepAliveConfig: keepAlive}
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, err
	}
	endUnacknowledged(conn, c.timeout)
	if c.network == "udp" {
		return &datagrams{Conn: conn}, nil
	}
	if c.secure == nil {
		return conn, nil
	}
	return c.shake(ctx, conn)
}

// shake makes a connection a secure one. Certificates are read each time, so
// that they can be renewed.
func (c *caller) shake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config, err := c.secure()
	if err != nil {
		conn.Close()
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", c.address, err)
	}
	return secure, nil
}

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// endUnacknowledged bounds how long sent bytes may stay unacknowledged.
func endUnacknowledged(conn net.Conn, timeout time.Duration) {
	control(conn, func(fd int) {
		most := max(3*timeout, 10*time.Second)
		// Where it is refused, keepalive still ends the connection.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(most.Milliseconds()))
	})
}

// control hands the file descriptor of a TCP connection to f.
func control(conn net.Conn, f func(fd int)) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails when closed, which the next read tells
		}
	}
}

// waiting looks at what has come on a connection and was not read, without a
// wait: bytes, or the end of the connection.
func waiting(conn net.Conn) (bytes, ended bool) {
	control(conn, func(fd int) {
		n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		bytes = n > 0
		ended = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return bytes, ended
}

// lost says that the bus is gone, unless it was called off.
func lost(ctx context.Context, p endpoint, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%v: %w: %w", p, drivers.ErrBus, err)
}

// ErrClosed says that the peer of a connection has ended it.
var ErrClosed = errors.New("it has closed the connection")

// cut says why a connection ended, without the ports of its ends: they are
// others each time, and tell nobody anything.
func cut(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return ErrClosed
	case errors.Is(err, errWrite):
		return errWrite
	case errors.As(err, &op) && op.Addr != nil:
		return op.Err
	}
	return err
}
