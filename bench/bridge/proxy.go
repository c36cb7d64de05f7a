//go:build linux

package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between the gateway and the cloud and is the bad network.
type proxy struct {
	to string
	ln net.Listener

	mu       sync.Mutex
	changed  chan struct{} // closed and made again at each change
	shut     bool          // connections are closed at once
	hole     bool          // nothing passes, and nobody is told
	delay    time.Duration // one way
	speed    int           // bytes a second each way; 0: any
	watching *watch        // sees what passes, nil: nobody does
	dials    []time.Time
	links    map[*wire]struct{}
	serving  sync.WaitGroup
}

// wire is one connection through the proxy.
type wire struct {
	near, far net.Conn
	half      atomic.Bool // the near side is not told of the end of the far one
}

func (w *wire) close() {
	for _, c := range []net.Conn{w.near, w.far} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // hard: what is under way is lost
		}
		_ = c.Close() // it is over
	}
}

func startProxy(to string) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{to: to, ln: ln, changed: make(chan struct{}), links: map[*wire]struct{}{}}
	p.serving.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) stop() {
	_ = p.ln.Close() // ends accept
	p.change(func() { p.hole = false })
	p.cut()
	p.serving.Wait()
}

// change sets something and wakes who waits for it.
func (p *proxy) change(set func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set()
	close(p.changed)
	p.changed = make(chan struct{})
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.links {
		w.close()
	}
}

// halfOpen lets the cloud's side of all connections end without the gateway's
// being told: what it writes goes nowhere.
func (p *proxy) halfOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.links {
		w.half.Store(true)
		_ = w.far.Close() // up goes on to read the near side
	}
}

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		shut := p.shut
		p.dials = append(p.dials, time.Now())
		p.mu.Unlock()
		if shut {
			_ = near.Close() // nobody is there
			continue
		}
		p.serving.Go(func() { p.serve(near) })
	}
}

func (p *proxy) serve(near net.Conn) {
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = near.Close() // nobody is there
		return
	}
	w := &wire{near: near, far: far}
	p.mu.Lock()
	p.links[w] = struct{}{}
	watching := p.watching
	p.mu.Unlock()
	up, down := watching.wire()
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		p.pipe(ctx, far, near, up)
		_ = far.Close() // the gateway hung up
		cancel()
	})
	both.Go(func() {
		p.pipe(ctx, near, far, down)
		if !w.half.Load() {
			_ = near.Close() // the cloud hung up
		}
	})
	both.Wait()
	cancel()
	p.mu.Lock()
	delete(p.links, w)
	p.mu.Unlock()
	w.close()
}

// chunk is what one read brought, and when it is to be there.
type chunk struct {
	bytes []byte
	due   time.Time
}

// pipe carries bytes one way with the delay of the line, many at a time, until
// from ends. What to does not take is swallowed.
func (p *proxy) pipe(ctx context.Context, to, from net.Conn, seen func([]byte)) {
	line := make(chan chunk, 1024) // bytes under way; more of them hold the sender up, as a line does
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(line)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				p.mu.Lock()
				due := time.Now().Add(p.delay)
				p.mu.Unlock()
				line <- chunk{buf[:n], due}
			}
			if err != nil {
				return
			}
		}
	})
	for c := range line {
		time.Sleep(time.Until(c.due))
		p.pass(ctx, len(c.bytes))
		seen(c.bytes)
		_, _ = to.Write(c.bytes) // to may be gone; from finds out by itself
	}
	reading.Wait()
}

// pass waits while nothing passes, and as long as the bytes take.
func (p *proxy) pass(ctx context.Context, n int) {
	for {
		p.mu.Lock()
		hole, speed, changed := p.hole, p.speed, p.changed
		p.mu.Unlock()
		if !hole {
			if speed > 0 {
				time.Sleep(time.Duration(n) * time.Second / time.Duration(speed))
			}
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// fastest is the shortest time between two tries to connect since a moment, and
// how many there were.
func (p *proxy) fastest(since time.Time) (shortest time.Duration, tries int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last time.Time
	for _, t := range p.dials {
		if t.Before(since) {
			continue
		}
		if d := t.Sub(last); tries > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
		last = t
		tries++
	}
	return shortest, tries
}
