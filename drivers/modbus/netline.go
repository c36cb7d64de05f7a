package modbus

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"fieldmq/drivers"
)

// netLine is a line behind a network: a box that hands bytes to a serial line
// as they are.
type netLine struct {
	peer    endpoint
	conn    net.Conn // nil while there is none
	timeout time.Duration
	tap     *drivers.Tap
}

var (
	_ byteLine = (*netLine)(nil)
	_ reviver  = (*netLine)(nil)
)

// revive connects anew where the peer has closed the connection.
func (l *netLine) revive(ctx context.Context) (anew bool, err error) {
	if l.conn != nil {
		if _, ended := waiting(l.conn); !ended && !l.peer.newer() {
			return false, nil
		}
		_ = l.hangUp()
	}
	conn, err := l.peer.connect(ctx)
	if errors.Is(err, drivers.ErrOffline) {
		return false, err
	}
	if err != nil {
		return false, lost(ctx, l.peer, err)
	}
	l.conn = conn
	return true, nil
}

func (l *netLine) SetReadTimeout(d time.Duration) { l.timeout = max(d, 0) }

// Read returns nothing and no error at its time-out.
func (l *netLine) Read(p []byte) (int, error) {
	// A deadline that has passed would hide what has come already.
	const least = 50 * time.Microsecond
	if err := l.conn.SetReadDeadline(time.Now().Add(max(l.timeout, least))); err != nil {
		return 0, l.failed(err)
	}
	n, err := l.conn.Read(p)
	l.tap.Received(p[:max(n, 0)])
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return 0, l.failed(err)
}

// Write fails when the peer takes nothing for a second.
func (l *netLine) Write(p []byte) (int, error) {
	if err := l.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return 0, l.failed(err)
	}
	l.tap.Sent(p)
	n, err := l.conn.Write(p)
	if err != nil {
		return n, l.failed(err)
	}
	return n, nil
}

// failed ends a connection that is none any more.
func (l *netLine) failed(err error) error {
	_ = l.hangUp()
	return lost(context.Background(), l.peer, cut(err))
}

// Close ends the connection, and the wait for a peer that calls.
func (l *netLine) Close() error { return errors.Join(l.hangUp(), l.peer.Close()) }

func (l *netLine) hangUp() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}
