package bridge

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// line is a connection of TCP on which a write fails when nothing leaves for a while,
// however long all of it takes: a link of a few kilobytes a second is no dead one. The
// kernel is let have little that it has not sent, so that what is urgent stands behind
// little, and what leaves can be seen.
type line struct {
	net.Conn

	mu    sync.Mutex
	limit time.Time // when writing is to end whatever leaves; zero: never
}

const (
	// pieceSize is how many bytes are written at a time.
	pieceSize = 8 << 10
	// mostUnsent is how many bytes the kernel holds that it has not sent.
	mostUnsent = 16 << 10
)

// dialLine connects to an address.
func dialLine(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	limitUnsent(conn)
	return &line{Conn: conn}, nil
}

// lineDialer is dialLine for those who ask for a type.
type lineDialer struct{}

func (lineDialer) Dial(network, address string) (net.Conn, error) {
	return dialLine(context.Background(), network, address)
}

func (lineDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dialLine(ctx, network, address)
}

// Write writes all of p, or fails after writeTimeout in which nothing left.
func (l *line) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := l.begin(); err != nil {
			return n, err
		}
		k, err := l.Conn.Write(p[n:min(n+pieceSize, len(p))])
		n += k
		if err != nil && (k == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || l.over()) {
			return n, err
		}
	}
	return n, nil
}

// begin gives the next write its time.
func (l *line) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := time.Now().Add(writeTimeout)
	if !l.limit.IsZero() && l.limit.Before(until) {
		until = l.limit
	}
	return l.Conn.SetWriteDeadline(until)
}

// over says whether the time for all of it has passed.
func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.limit.IsZero() && !time.Now().Before(l.limit)
}

// SetWriteDeadline sets when writing is to end whatever leaves.
func (l *line) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = t
	return l.Conn.SetWriteDeadline(t)
}

// SetDeadline sets that, and when reading is to end.
func (l *line) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}
