package bridge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeTimeout is how long nothing of a write may leave until the link counts as
	// dead.
	writeTimeout = 15 * time.Second
	// closeTimeout is how long closing waits for the last bytes to leave.
	closeTimeout = time.Second
	// mostUnwritten is how many bytes wait to be written before writers wait.
	mostUnwritten = 64 << 10
	// mostPacket is the size of the largest packet that is taken, in bytes.
	mostPacket = 1 << 20
)

// conn is a connection to an upstream. Packets that are written while others
// leave go together in the next write, with a deadline; packets that are read
// are bounded before anyone makes room for them. The client locks it for each
// packet that it writes.
type conn struct {
	net.Conn
	reader   *bufio.Reader
	began    time.Time
	left     int           // bytes of the packet that is being read
	heard    atomic.Int64  // age at which a packet last came, in nanoseconds
	spoke    atomic.Int64  // age at which one was last written, likewise
	gone     atomic.Int64  // what was written up to this age has left, likewise
	finished chan struct{} // closed when flush has ended
	pongs    atomic.Int64  // PINGRESPs that came
	answered chan struct{} // rings when one has come

	writing sync.Mutex // for one packet

	pinging sync.Mutex // while a PINGREQ is numbered and written
	pings   int64      // PINGREQs that were written

	mu         sync.Mutex
	moved      sync.Cond // there is more or less to write, or it is over
	buf        []byte
	closed     bool
	unwritable error // why nothing more can be written
	cause      error // why it is of no more use; the first counts
}

var (
	_ net.Conn    = (*conn)(nil)
	_ sync.Locker = (*conn)(nil)
)

// newConn wraps a connection; flush must run until it is closed.
func newConn(c net.Conn) *conn {
	wrapped := &conn{Conn: c, reader: bufio.NewReaderSize(c, 16<<10), began: time.Now(), finished: make(chan struct{}), answered: make(chan struct{}, 1)}
	wrapped.moved.L = &wrapped.mu
	return wrapped
}

// age is how long the connection is open. It does not jump with the clock.
func (c *conn) age() time.Duration { return time.Since(c.began) }

// leftUntil is the time up to which what was written has left.
func (c *conn) leftUntil(now time.Time) time.Time {
	return now.Add(time.Duration(c.gone.Load()) - c.age())
}

// Lock begins a packet.
func (c *conn) Lock() { c.writing.Lock() }

// Unlock ends a packet, which leaves as soon as those before it have.
func (c *conn) Unlock() {
	c.spoke.Store(int64(c.age()))
	c.writing.Unlock()
	c.moved.Broadcast()
}

// Write appends to what waits, and fails once the connection is lost.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buf) >= mostUnwritten && c.unwritable == nil && c.cause == nil && !c.closed {
		c.moved.Broadcast() // flush may still wait for the end of this packet
		c.moved.Wait()
	}
	switch {
	case c.cause != nil:
		return 0, c.cause
	case c.unwritable != nil:
		return 0, c.unwritable
	case c.closed:
		return 0, net.ErrClosed
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}

// flush writes what waits, until the connection is closed or lost.
func (c *conn) flush() {
	defer close(c.finished)
	var out []byte
	for {
		var taken time.Duration
		if out, taken = c.takeUnwritten(out[:0]); len(out) == 0 {
			return
		}
		if _, err := c.Conn.Write(out); err != nil {
			c.failWrite(fmt.Errorf("write: %w", err))
			return
		}
		c.gone.Store(int64(taken))
	}
}

// failWrite notes that nothing can be written any more. The reader gets a moment
// to read what the server said before it hung up, such as a TLS alert.
func (c *conn) failWrite(err error) {
	c.mu.Lock()
	c.unwritable = err
	c.mu.Unlock()
	c.moved.Broadcast()
	c.Conn.SetReadDeadline(time.Now().Add(closeTimeout))
}

// takeUnwritten waits for something to write, and says at which age it was all that
// waited; there is nothing when it is over.
func (c *conn) takeUnwritten(spare []byte) ([]byte, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buf) == 0 && !c.closed && c.cause == nil {
		c.moved.Wait()
	}
	if c.cause != nil {
		return nil, 0
	}
	out := c.buf
	c.buf = spare
	c.moved.Broadcast()
	return out, c.age()
}

// fail makes the connection useless for a reason; the first one stays.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.cause == nil && !c.closed {
		c.cause = err
	}
	c.mu.Unlock()
	c.moved.Broadcast()
	c.Conn.Close()
}

// reason is why the connection was lost, nil if it was not.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Close lets what waits leave, and closes.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.moved.Broadcast()
	c.Conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	<-c.finished
	return c.Conn.Close()
}

// Read gives the bytes of one packet at most, and refuses packets that are too
// large before the client makes room for them.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		size, err := packetLength(c.reader)
		if err != nil {
			return 0, c.failRead(err)
		}
		c.left = size
		c.heard.Store(int64(c.age()))
	}
	n, err := c.reader.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		err = c.failRead(err)
	}
	return n, err
}

// failRead makes the connection useless because of an error of reading, or of
// writing if that was first and the server had nothing to say about it.
func (c *conn) failRead(err error) error {
	c.mu.Lock()
	if c.unwritable != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.unwritable
	}
	c.mu.Unlock()
	c.fail(err)
	return err
}

// errTooLarge: the server sent what it was told not to. [MQTT-3.1.2-24]
var errTooLarge = errors.New("the server's packet is larger than it may be")

// packetLength is the length in bytes of the packet that comes next, with its
// header.
func packetLength(r *bufio.Reader) (int, error) {
	size := 0
	for i := 1; i <= 4; i++ {
		header, err := r.Peek(i + 1)
		if err != nil {
			if len(header) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		size |= int(header[i]&0x7F) << (7 * (i - 1))
		if header[i] < 0x80 {
			if size+i+1 > mostPacket {
				return 0, errTooLarge
			}
			return size + i + 1, nil
		}
	}
	return 0, errors.New("the server sent a malformed length") // [MQTT-1.5.5-1]
}
