// Package cable is a serial cable without hardware: one end is a pseudo
// terminal that any program opens like a serial port, the other end is held
// by a simulated device. Bytes take the time that they would take on a wire at
// the speed which the program has set.
package cable

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Cable is one cable. One goroutine may read while others write; each Write
// goes out in one piece.
type Cable struct {
	link  string
	claim io.Closer     // of the link; nil if there is none
	done  chan struct{} // closed by Close

	writing sync.Mutex // one frame at a time

	late atomic.Int64 // nanoseconds: see Late

	mu      sync.Mutex
	sent    time.Time     // see Sent
	end     *os.File      // the device's end; nil while unplugged
	port    string        // the program's end, "/dev/pts/7"
	changed chan struct{} // closed when end changes
	closed  bool
	speed   *speed // of the device; nil: any
}

// speed is how a line is set, as far as a pseudo terminal knows it.
type speed struct {
	baud   int
	parity bool
}

// Speak sets the device's speed. What a program says at another one is not
// understood, and what the device says reaches it damaged, as on a wire.
func (c *Cable) Speak(baud int, parity bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.speed = &speed{baud, parity}
}

// understood says whether the program has set the device's speed.
func (c *Cable) understood(end *os.File) bool {
	c.mu.Lock()
	want := c.speed
	c.mu.Unlock()
	return want == nil || *want == setting(end)
}

// Open makes a cable. If link is not empty it becomes a symbolic link to the
// port; whatever stands there is left alone and refused, but for a link that a
// killed simulator left behind. The caller closes the cable.
func Open(link string) (*Cable, error) {
	c := &Cable{link: link, done: make(chan struct{}), changed: make(chan struct{})}
	if link != "" {
		var err error
		if c.claim, err = claim(link); err != nil {
			return nil, err
		}
	}
	if err := c.Replug(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Port is the path of the program's end: the link if there is one, else the
// pseudo terminal, whose name changes with each Replug.
func (c *Cable) Port() string {
	if c.link != "" {
		return c.link
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.port
}

// Unplug pulls the cable out as one pulls out a USB adapter: whoever has the
// port open is hung up, and its name is gone. Readers of the device's end wait
// for Replug, what is written is lost.
func (c *Cable) Unplug() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unplug()
}

func (c *Cable) unplug() error {
	if c.end == nil {
		return nil
	}
	err := c.end.Close()
	c.end = nil
	c.wake()
	return errors.Join(err, unlink(c.link, c.port))
}

// Replug undoes Unplug. The port may get another name, as with real adapters;
// the link leads to it.
func (c *Cable) Replug() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	if c.end != nil {
		return nil
	}
	end, port, err := openTerminal()
	if err != nil {
		return err
	}
	if err := link(c.link, port); err != nil {
		end.Close()
		return err
	}
	c.end, c.port = end, port
	c.wake()
	return nil
}

// wake tells those who wait in plugged. The caller holds mu.
func (c *Cable) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Close unplugs the cable for good, removes the link and ends all reads and
// writes with os.ErrClosed.
func (c *Cable) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	close(c.done)
	err := c.unplug()
	if c.claim != nil {
		err = errors.Join(err, c.claim.Close())
	}
	return err
}

// Read waits for bytes and returns them once the wire would have carried
// them. A program that closes the port and opens it again goes unnoticed.
func (c *Cable) Read(p []byte) (int, error) {
	n, _, err := c.read(p)
	return n, err
}

// read is Read and says when the last byte was off the wire. Who goes on
// counting from there does not add up how late each wait returned.
func (c *Cable) read(p []byte) (n int, last time.Time, err error) {
	for {
		end, err := c.plugged()
		if err != nil {
			return 0, last, err
		}
		n, err := receive(end, p)
		if errors.Is(err, os.ErrClosed) {
			continue // unplugged, or closed, which plugged will say
		}
		if err != nil {
			return 0, last, err
		}
		one := character(end)
		last = time.Now().Add(time.Duration(n) * one)
		if err := c.wait(last); err != nil || c.understood(end) {
			return n, last, err
		}
	}
}

// ReadBurst is Read for protocols whose frames end with silence: it goes on
// reading until p is full or nothing came for the gap, which may depend on the
// time that one character takes.
func (c *Cable) ReadBurst(p []byte, gap func(character time.Duration) time.Duration) (int, error) {
	n, last, err := c.read(p)
	for err == nil && n < len(p) {
		end, err := c.current()
		if end == nil {
			return n, err // pulled out, which ends the burst, or closed
		}
		one := character(end)
		if err := c.wait(last.Add(gap(one))); err != nil {
			return n, err
		}
		more, err := poll(end, p[n:])
		if more == 0 || err != nil {
			c.late.Add(int64(time.Since(last.Add(gap(one)))))
			return n, nil // the next read meets the error again
		}
		n += more
		last = time.Now().Add(time.Duration(more) * one)
		if err := c.wait(last); err != nil {
			return n, err
		}
	}
	return n, err
}

// Write sends p at the line's speed and returns when the last byte is out.
// Nobody needs to listen: bytes that no program takes are lost, as on a wire.
func (c *Cable) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	end, err := c.current()
	if err != nil {
		return 0, err
	}
	if end == nil {
		return len(p), nil
	}
	one := character(end)
	if !c.understood(end) {
		p = mangled(p)
	}
	piece := pieceOf(one)
	start := time.Now()
	for sent := 0; sent < len(p); {
		next := min(len(p), sent+piece)
		if err := c.wait(start.Add(time.Duration(next) * one)); err != nil {
			return sent, err
		}
		c.sending()
		if err := send(end, p[sent:next]); err != nil {
			return sent, err
		}
		sent = next
	}
	c.late.Add(int64(time.Since(start.Add(time.Duration(len(p)) * one))))
	return len(p), nil
}

// Sent is the last instant at which no program can have had all of the last
// Write.
func (c *Cable) Sent() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func (c *Cable) sending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = time.Now()
}

// mangled is what is heard of bytes at a wrong speed.
func mangled(p []byte) []byte {
	wrong := make([]byte, len(p))
	for i, b := range p {
		wrong[i] = b<<1 ^ 0xC1 ^ byte(i)<<3
	}
	return wrong
}

// Late is how much later than a wire the cable handed over what it carried, all
// bursts and writes together: machines are busy, and sleepers wake up late.
func (c *Cable) Late() time.Duration { return time.Duration(c.late.Load()) }

// pieceOf is how many characters arrive together: about a millisecond's
// worth, as a UART with a FIFO hands them over.
func pieceOf(one time.Duration) int {
	if one <= 0 {
		return 4096
	}
	return max(1, int(time.Millisecond/one))
}

// current is the device's end, nil while unplugged.
func (c *Cable) current() (*os.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, os.ErrClosed
	}
	return c.end, nil
}

// plugged is current, but waits while unplugged.
func (c *Cable) plugged() (*os.File, error) {
	for {
		c.mu.Lock()
		end, closed, changed := c.end, c.closed, c.changed
		c.mu.Unlock()
		switch {
		case closed:
			return nil, os.ErrClosed
		case end != nil:
			return end, nil
		}
		select {
		case <-changed:
		case <-c.done:
		}
	}
}
