package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"fieldmq/broker/packet"
)

// ListenerOptions say how clients come in by one listener.
type ListenerOptions struct {
	Name      string   // for logs and access rules, such as its URL
	Anonymous bool     // clients that nobody knows may come in
	CertUser  bool     // the common name of a client's certificate is its user
	Local     bool     // it is reached from this machine only
	Path      string   // ServeWebSocket: where in the URL; others are not found
	Origins   []string // ServeWebSocket: web origins besides the listener's own

	MaxConnections int       // clients that may be connected by it at once; 0: any number
	Versions       []Version // that its clients may speak; nil: all

	Page http.Handler // ServeWebSocket: what is found on all other paths; nil: nothing
}

// roster is the connections of one listener.
type roster struct {
	options ListenerOptions

	mu     sync.Mutex
	empty  sync.Cond
	conns  map[*conn]struct{}
	seats  int // of clients that have been admitted
	closed bool
}

func newRoster(o ListenerOptions) *roster {
	r := &roster{options: o, conns: map[*conn]struct{}{}}
	r.empty.L = &r.mu
	return r
}

// speaks says whether clients of a version may come by the listener.
func (r *roster) speaks(v packet.Version) bool {
	return r.options.Versions == nil || slices.Contains(r.options.Versions, Version(v))
}

// seat takes one of the seats that the listener has for clients, until the
// connection is removed. It fails if there is none left.
func (r *roster) seat(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if most := r.options.MaxConnections; most > 0 && r.seats >= most {
		return false
	}
	r.seats++
	c.seated = true
	return true
}

// add takes a connection in. It fails once the roster is closed.
func (r *roster) add(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.conns[c] = struct{}{}
	}
	return !r.closed
}

func (r *roster) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	if c.seated {
		r.seats--
	}
	if len(r.conns) == 0 {
		r.empty.Broadcast()
	}
}

// wait returns when the roster is empty.
func (r *roster) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.conns) > 0 {
		r.empty.Wait()
	}
}

// close tells all clients that the server goes, and takes no more.
func (r *roster) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c := range r.conns {
		c.leave(packet.ShuttingDown)
	}
}

// Serve serves clients that come by a listener until ctx ends, closes the
// listener and returns when all its connections have ended, which takes them a
// moment at most. It fails if the listener does.
func (s *Server) Serve(ctx context.Context, l net.Listener, o ListenerOptions) error {
	r := newRoster(o)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // ends Accept
	defer stop()
	var goroutines sync.WaitGroup
	err := s.accept(ctx, l, func(nc net.Conn) {
		goroutines.Go(func() { s.serveConn(nc, r) })
	})
	_ = l.Close() // it may be closed already
	r.close()
	goroutines.Wait()
	if err != nil {
		return fmt.Errorf("accept on %s: %w", o.Name, err)
	}
	return nil
}

// accept hands connections over until ctx ends or the listener is closed.
func (s *Server) accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = nc.Close() // too late
			}
			return nil
		case err == nil:
			pause = 0
			serve(nc)
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// Out of descriptors, or the client has gone already: it passes.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("accept", "address", l.Addr(), "error", err)
			sleep(ctx, pause)
		}
	}
}

// serveConn serves one connection until it ends or the roster is closed.
func (s *Server) serveConn(nc net.Conn, r *roster) {
	defer s.sockets.Add(-1)
	if s.tooMany() {
		_ = nc.Close() // one that cannot even be told
		return
	}
	s.figures.Sockets.Add(1)
	c := s.newConn(nc, r)
	if !r.add(c) {
		_ = nc.Close() // too late
		return
	}
	defer r.remove(c)
	c.serve()
}

// spareSockets is how many connections more than clients there may be, so that
// one too many is told and not just cut.
const spareSockets = 64

// tooMany counts a connection, and says whether there are too many now. Who has
// called it takes one off at the end.
func (s *Server) tooMany() bool { return s.sockets.Add(1) > int64(s.cfg().MaxConnections)+spareSockets }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
