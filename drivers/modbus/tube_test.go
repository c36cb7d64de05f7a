package modbus

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// tube is one end of a connection in memory that, unlike net.Pipe, takes what is
// written without a reader. What was written at once is read by itself, as
// datagrams are.
type tube struct {
	net.Conn // nil: what is not here is not needed
	in, out  *chunks
}

func newTube() (here, there *tube) {
	a, b := newChunks(), newChunks()
	return &tube{in: a, out: b}, &tube{in: b, out: a}
}

func (t *tube) Write(p []byte) (int, error) { return t.out.put(p) }
func (t *tube) Read(p []byte) (int, error)  { return t.in.take(p) }

// Close lets the other end read what was written.
func (t *tube) Close() error {
	t.out.end(io.EOF)
	t.in.end(net.ErrClosed)
	return nil
}

func (t *tube) SetDeadline(at time.Time) error     { return t.SetReadDeadline(at) }
func (t *tube) SetWriteDeadline(time.Time) error   { return nil }
func (t *tube) SetReadDeadline(at time.Time) error { t.in.until(at); return nil }
func (t *tube) LocalAddr() net.Addr                { return &net.UnixAddr{Name: "tube"} }
func (t *tube) RemoteAddr() net.Addr               { return &net.UnixAddr{Name: "tube"} }

// chunks are written at one end and read at the other.
type chunks struct {
	mu       sync.Mutex
	waiting  [][]byte
	ended    error // what a reader gets in the end
	deadline time.Time
	changed  chan struct{} // closed at each change
}

func newChunks() *chunks { return &chunks{changed: make(chan struct{})} }

func (c *chunks) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *chunks) put(p []byte) (n int, err error) {
	c.change(func() {
		if err = c.ended; err == nil {
			n, c.waiting = len(p), append(c.waiting, append([]byte(nil), p...))
		}
	})
	return n, err
}

func (c *chunks) end(err error) {
	c.change(func() {
		if c.ended == nil {
			c.ended = err
		}
	})
}

func (c *chunks) until(at time.Time) { c.change(func() { c.deadline = at }) }

func (c *chunks) take(p []byte) (int, error) {
	for {
		n, changed, left, err := c.look(p)
		if n > 0 || err != nil {
			return n, err
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look takes what is there, or says how long it may be waited for.
func (c *chunks) look(p []byte) (n int, changed chan struct{}, left time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left = time.Hour
	if !c.deadline.IsZero() {
		left = time.Until(c.deadline)
	}
	switch {
	case left <= 0:
		return 0, nil, 0, os.ErrDeadlineExceeded
	case len(c.waiting) > 0:
		n = copy(p, c.waiting[0])
		if c.waiting[0] = c.waiting[0][n:]; len(c.waiting[0]) == 0 {
			c.waiting = c.waiting[1:]
		}
		return n, nil, 0, nil
	}
	return 0, c.changed, left, c.ended
}
