package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// door is a listener at which devices dial in, such as modems that no one can
// call. Buses of one address share it, and tell their devices by what these say
// first.
type door struct {
	address  string
	listener net.Listener
	secure   *Security      // nil: in the clear
	ended    sync.WaitGroup // the accept loop, and those who have not said who they are

	mu      sync.Mutex
	guests  []*guest
	strange map[net.Conn]bool // have not said who they are
	failed  string            // why one who dialled in last could not be let in; empty: it was
}

// guest is a peer that is to dial in. The newest of its connections counts: a
// modem that dials anew has lost the one before.
type guest struct {
	door *door
	name []byte // what it says first; empty: nothing
	next net.Conn
}

var _ endpoint = (*guest)(nil)

// notThere is why a device is not asked that is to dial in.
const notThere = unheard("the device has not dialled in")

// doors are those of the process, by address, as the kernel has them: an
// address can be listened at once.
var doors = struct {
	sync.Mutex
	open map[string]*door
}{open: map[string]*door{}}

// expect opens the door, or shares it, for a peer that says a name first, within
// TLS where secure is given.
func expect(ctx context.Context, address string, name []byte, secure *Security) (*guest, error) {
	doors.Lock()
	defer doors.Unlock()
	d := doors.open[address]
	if d == nil {
		var err error
		if d, err = openDoor(ctx, address, secure); err != nil {
			return nil, err
		}
		doors.open[address] = d
	}
	if !d.secure.same(secure) {
		return nil, fmt.Errorf("another bus waits at %s with other certificates; those of one address share ca, cert, key, server_name and verify", address)
	}
	g := &guest{door: d, name: name}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.guests {
		if alike(other.name, name) {
			return nil, fmt.Errorf("another bus waits at %s for a device that says %q first; give each another registration", address, other.name)
		}
	}
	d.guests = append(d.guests, g)
	return g, nil
}

// alike says whether two names cannot be told apart: one is the beginning of
// the other.
func alike(a, b []byte) bool {
	n := min(len(a), len(b))
	return string(a[:n]) == string(b[:n])
}

func openDoor(ctx context.Context, address string, secure *Security) (*door, error) {
	l, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	d := &door{address: address, listener: l, secure: secure, strange: map[net.Conn]bool{}}
	d.ended.Go(d.accept)
	return d, nil
}

// maxStrangers bounds those who have dialled in and not said who they are.
const maxStrangers = 64

// accept ends with the listener. Each stranger gets a goroutine until it has
// said who it is.
func (d *door) accept() {
	for {
		conn, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files: it passes
			time.Sleep(100 * time.Millisecond)
			continue
		}
		d.mu.Lock()
		full := len(d.strange) >= maxStrangers
		if !full {
			d.strange[conn] = true
		}
		d.mu.Unlock()
		if full {
			conn.Close()
			continue
		}
		d.ended.Go(func() { d.greet(conn) })
	}
}

// introduction is how long one who dialled in may take to say who it is.
const introduction = 30 * time.Second

// greet hands a connection to the bus that waits for it, or ends it.
func (d *door) greet(raw net.Conn) {
	_ = raw.SetDeadline(time.Now().Add(introduction)) // fails when closed, which the read tells
	conn, err := d.shake(raw)
	if err != nil {
		d.refuse(raw, err)
		return
	}
	var said []byte
	for {
		g, undecided := d.find(said)
		if !undecided {
			d.hand(raw, conn, g)
			return
		}
		one := make([]byte, 1)
		if _, err := io.ReadFull(conn, one); err != nil {
			d.hand(raw, conn, nil)
			return
		}
		said = append(said, one...)
	}
}

// shake makes a connection a secure one, where it is to be. Certificates are read
// each time, so that they can be renewed.
func (d *door) shake(raw net.Conn) (net.Conn, error) {
	if d.secure == nil {
		return raw, nil
	}
	config, err := d.secure.server()
	if err != nil {
		return nil, err
	}
	conn := tls.Server(raw, config)
	if err := conn.Handshake(); err != nil { // ends by the deadline
		return nil, fmt.Errorf("TLS with %v: %w", raw.RemoteAddr(), err)
	}
	return conn, nil
}

// refuse ends a connection that was not made a secure one, and notes why.
func (d *door) refuse(raw net.Conn, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.strange, raw)
	d.failed = err.Error()
	raw.Close()
}

// find is whose name was said, nil if nobody's; undecided while more must be
// said.
func (d *door) find(said []byte) (g *guest, undecided bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.guests {
		switch {
		case len(said) < len(g.name) && alike(g.name, said):
			undecided = true
		case alike(g.name, said):
			return g, false
		}
	}
	return nil, undecided
}

// hand gives a connection, which came as raw, to a guest's bus; nil ends it.
func (d *door) hand(raw, conn net.Conn, g *guest) {
	_ = raw.SetDeadline(time.Time{})
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.strange, raw)
	if g == nil || g.door == nil {
		conn.Close()
		return
	}
	if g.next != nil {
		g.next.Close()
	}
	g.next, d.failed = conn, ""
}

func (g *guest) String() string {
	if len(g.name) > 0 {
		return fmt.Sprintf("%s (%q)", g.door.address, g.name)
	}
	return g.door.address
}

// connect takes the connection that the peer has made.
func (g *guest) connect(context.Context) (net.Conn, error) {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	conn := g.next
	g.next = nil
	if conn == nil && g.door.failed != "" {
		return nil, notThere + unheard("; one was turned away: "+g.door.failed)
	}
	if conn == nil {
		return nil, notThere
	}
	endUnacknowledged(conn, 0)
	return conn, nil
}

func (g *guest) newer() bool {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	return g.next != nil
}

// Close leaves the door, and shuts it after the last.
func (g *guest) Close() error {
	doors.Lock()
	defer doors.Unlock()
	d := g.door
	d.mu.Lock()
	kept := d.guests[:0]
	for _, other := range d.guests {
		if other != g {
			kept = append(kept, other)
		}
	}
	d.guests = kept
	if g.next != nil {
		g.next.Close()
		g.next = nil
	}
	last := len(kept) == 0
	if last {
		for conn := range d.strange {
			conn.Close()
		}
	}
	d.mu.Unlock()
	if !last {
		return nil
	}
	delete(doors.open, d.address)
	err := d.listener.Close()
	d.ended.Wait()
	return err
}
