package modbus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/goburrow/modbus"
	"golang.org/x/sys/unix"

	"fieldmq/drivers"
)

// Sizes in bytes of TCP frames: a header of which the unit id is the last
// byte, and a PDU. (MTCP 3.1.3)
const (
	tcpHeader  = 7
	tcpLongest = 260
)

// tcp is a link over one connection, which the units behind it share. Its
// answers carry the number of their request, so late ones do no harm.
type tcp struct {
	address  string
	timeout  time.Duration // to connect
	inFlight int
	conn     net.Conn // nil while there is none
	in       *bufio.Reader
	last     uint16 // transaction id
	packers  map[byte]modbus.Packager
	trip     time.Duration // from a request to its answer, a low quantile
}

func newTCP(s *TCPSettings) *tcp {
	return &tcp{
		address:  s.hostPort(),
		timeout:  s.Timeout.D(),
		inFlight: s.InFlight,
		packers:  make(map[byte]modbus.Packager),
	}
}

func (t *tcp) Close() error {
	if t.conn == nil {
		return nil
	}
	err := t.conn.Close()
	t.conn = nil
	return err
}

// dial connects. The kernel gives up a peer that vanished without a word: by
// keepalive when nothing is sent, else when nothing is acknowledged.
func (t *tcp) dial(ctx context.Context) error {
	d := net.Dialer{
		Timeout:         t.timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	conn, err := d.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return err
	}
	control(conn, func(fd int) {
		unacknowledged := max(3*t.timeout, 10*time.Second)
		// Where it is refused, keepalive still ends the connection.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
	})
	t.conn, t.in = conn, bufio.NewReader(conn)
	return nil
}

// control hands the connection's file descriptor to f.
func control(conn net.Conn, f func(fd int)) {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails when closed, which the next read tells
		}
	}
}

// cost: bytes cost next to nothing on a network, but devices take some ten
// microseconds for a register.
func (t *tcp) cost(byte) cost {
	const perByte, unknownTrip = 5 * time.Microsecond, 2 * time.Millisecond
	if t.trip == 0 {
		return cost{unknownTrip, perByte, tcpHeader}
	}
	return cost{t.trip, perByte, tcpHeader}
}

// ask connects anew where the peer has closed the connection, as many do after
// a while of silence. Reads are then sent again, but a write only if it was not
// sent before.
func (t *tcp) ask(ctx context.Context, unit byte, timeout time.Duration, requests []*pdu) ([]answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.conn != nil && t.closedByPeer() {
		t.Close()
	}
	fresh := t.conn == nil
	if fresh {
		if err := t.dial(ctx); err != nil {
			return nil, t.lost(ctx, err)
		}
	}
	answers, err := t.converse(ctx, unit, timeout, requests)
	if err == nil || ctx.Err() != nil {
		return answers, err
	}
	t.Close()
	if fresh || errors.Is(err, errFraming) || !allRead(requests) {
		return nil, t.lost(ctx, err)
	}
	return t.ask(ctx, unit, timeout, requests)
}

func allRead(requests []*pdu) bool {
	return !slices.ContainsFunc(requests, func(r *pdu) bool { return !reads(r) })
}

func (t *tcp) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w: %w", t.address, drivers.ErrBus, err)
}

// closedByPeer looks whether the peer has ended the connection, without a wait.
func (t *tcp) closedByPeer() bool {
	closed := false
	control(t.conn, func(fd int) {
		n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return closed
}

// converse sends requests, as many at a time as the device takes, and collects
// their answers by number.
func (t *tcp) converse(ctx context.Context, unit byte, timeout time.Duration, requests []*pdu) ([]answer, error) {
	conn, ended := t.conn, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = conn.SetDeadline(time.Unix(1, 0)) // fails when closed, which ends the wait too
	})
	defer func() {
		if !stop() {
			<-ended
		}
	}()
	c := conversation{tcp: t, unit: unit, requests: requests, answers: make([]answer, len(requests))}
	for c.done < len(requests) {
		if err := c.send(timeout); err != nil {
			return nil, err
		}
		if err := conn.SetDeadline(c.progress.Add(timeout)); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil { // after the deadline, which would undo the end
			return nil, err
		}
		err := c.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			c.giveUp()
		} else if err != nil {
			return nil, err
		}
	}
	return c.answers, nil
}

var errFraming = errors.New("the peer does not speak Modbus TCP")

// frame waits for a whole frame and leaves it in the reader, so that a time-out
// in its middle loses nothing.
func (t *tcp) frame() ([]byte, error) {
	header, err := t.in.Peek(tcpHeader)
	if err != nil {
		return nil, err
	}
	protocol := binary.BigEndian.Uint16(header[2:])
	size := tcpHeader - 1 + int(binary.BigEndian.Uint16(header[4:]))
	if protocol != 0 || size < tcpHeader+1 || size > tcpLongest {
		return nil, errFraming
	}
	return t.in.Peek(size)
}

// learn follows the fast answers, so that a plan does not change with each
// delay on the network.
func (t *tcp) learn(trip time.Duration) {
	if t.trip == 0 || trip < t.trip {
		t.trip = max(trip, 1)
		return
	}
	t.trip += (trip - t.trip) / 16
}

func (t *tcp) packer(unit byte) modbus.Packager {
	p := t.packers[unit]
	if p == nil {
		h := modbus.NewTCPClientHandler("") // only its packager is used
		h.SlaveId = unit
		p = h
		t.packers[unit] = p
	}
	return p
}
