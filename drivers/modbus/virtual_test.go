package modbus

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	sim "fieldmq/firmware-sim/modbus"
)

// lane carries bytes one way, in a synctest bubble; each takes its time.
type lane struct {
	char    time.Duration
	arrived chan struct{} // has a place for one
	closed  chan struct{}

	mu   sync.Mutex
	free time.Time // when the last byte is off the wire
	buf  []byte
}

func newLane(char time.Duration) *lane {
	return &lane{char: char, arrived: make(chan struct{}, 1), closed: make(chan struct{})}
}

// send puts bytes behind those that are on the wire.
func (l *lane) send(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = later(l.free, time.Now())
	for _, c := range p {
		l.free = l.free.Add(l.char)
		time.AfterFunc(time.Until(l.free), func() { l.arrive(c) })
	}
}

func (l *lane) arrive(c byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, c)
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// take waits for bytes: none if none came, an error once the lane is closed.
func (l *lane) take(p []byte, wait time.Duration) (int, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		l.mu.Lock()
		n := copy(p, l.buf)
		l.buf = l.buf[n:]
		l.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-l.arrived:
		case <-timer.C:
			return 0, nil
		case <-l.closed:
			return 0, os.ErrClosed
		}
	}
}

// busEnd and deviceEnd are the ends of a serial line.
type (
	busEnd struct {
		to, from *lane
		timeout  time.Duration
	}
	deviceEnd struct{ to, from *lane }
)

func newPair(char time.Duration) (*busEnd, *deviceEnd) {
	there, back := newLane(char), newLane(char)
	return &busEnd{to: there, from: back}, &deviceEnd{to: back, from: there}
}

func (n *busEnd) Read(p []byte) (int, error)     { return n.from.take(p, n.timeout) }
func (n *busEnd) Write(p []byte) (int, error)    { n.to.send(p); return len(p), nil }
func (n *busEnd) SetReadTimeout(d time.Duration) { n.timeout = max(d, 0) }
func (n *busEnd) Close() error                   { return nil }

func (f *deviceEnd) Read(p []byte) (int, error) {
	for {
		if n, err := f.from.take(p, time.Hour); n > 0 || err != nil {
			return n, err
		}
	}
}

func (f *deviceEnd) ReadBurst(p []byte, gap func(time.Duration) time.Duration) (int, error) {
	n, err := f.Read(p)
	for err == nil && n < len(p) {
		more, err := f.from.take(p[n:], gap(f.from.char))
		if more == 0 || err != nil {
			return n, err
		}
		n += more
	}
	return n, err
}

func (f *deviceEnd) Write(p []byte) (int, error) { f.to.send(p); return len(p), nil }

func (f *deviceEnd) Close() error { close(f.from.closed); return nil }

// hall is a listener and the way to it, without a network.
type hall struct {
	guests chan net.Conn
	closed chan struct{}
	close  func()
	dress  func(net.Conn) net.Conn // what the caller makes of its connection
}

func newHall(dress func(net.Conn) net.Conn) *hall {
	h := &hall{guests: make(chan net.Conn), closed: make(chan struct{}), dress: dress}
	h.close = sync.OnceFunc(func() { close(h.closed) })
	return h
}

func (h *hall) connect(ctx context.Context) (net.Conn, error) {
	here, there := newTube()
	select {
	case h.guests <- there:
		return h.dress(here), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (*hall) newer() bool    { return false }
func (*hall) String() string { return "hall" }

func (h *hall) Accept() (net.Conn, error) {
	select {
	case conn := <-h.guests:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hall) Close() error   { h.close(); return nil }
func (h *hall) Addr() net.Addr { return nil }

// path is the hall for a bus, which leaves the hall open.
type path struct{ *hall }

func (path) Close() error { return nil }

// socket makes a PacketConn of a connection whose writes stay apart.
type socket struct{ net.Conn }

func (s socket) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := s.Read(p)
	return n, s.RemoteAddr(), err
}

func (s socket) WriteTo(p []byte, _ net.Addr) (int, error) { return s.Write(p) }

// virtual are the transports in a synctest bubble. Each starts the device and
// returns a bus to it, and a unit.
func virtual(pair tls.Certificate) map[string]func(*testing.T, *sim.Server) (*Bus, *Device) {
	bare := func(c net.Conn) net.Conn { return c }
	type server = *sim.Server
	on := func(serve func(server, context.Context, net.Listener) error, dress func(net.Conn) net.Conn, link func(endpoint) link) func(*testing.T, server) (*Bus, *Device) {
		return func(t *testing.T, s server) (*Bus, *Device) {
			h := newHall(dress)
			serving(t, func(ctx context.Context) error { return serve(s, ctx, h) })
			return ending(t, link(path{h})), quick(newTCPSettings())
		}
	}
	datagram := func(serve func(server, context.Context, net.PacketConn) error, link func(endpoint) link) func(*testing.T, server) (*Bus, *Device) {
		return func(t *testing.T, s server) (*Bus, *Device) {
			h := newHall(func(c net.Conn) net.Conn { return &datagrams{Conn: c} })
			serving(t, func(ctx context.Context) error {
				conn, err := h.Accept()
				if err != nil {
					return err
				}
				return serve(s, ctx, socket{conn})
			})
			return ending(t, link(path{h})), quick(newUDPSettings())
		}
	}
	numbered := func(e endpoint) link { return newTCP(e, 1) }
	framed := func(f framing) func(endpoint) link {
		line := Line{Baud: 115200}
		return func(e endpoint) link { return newStream(&netLine{peer: e}, f, line.tempo()) }
	}
	secure := func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) }
	return map[string]func(*testing.T, server) (*Bus, *Device){
		"rtu": func(t *testing.T, s server) (*Bus, *Device) {
			settings := newRTUSettings()
			settings.Baud = 115200
			near, far := newPair(settings.Char())
			serving(t, func(ctx context.Context) error { return s.ServeRTU(ctx, far) })
			return ending(t, newRTU(near, settings)), quick(settings)
		},
		"ascii": func(t *testing.T, s server) (*Bus, *Device) {
			settings := newASCIISettings()
			settings.Baud = 115200
			near, far := newPair(settings.Char())
			serving(t, func(ctx context.Context) error { return s.ServeASCII(ctx, far) })
			return ending(t, newASCII(near, settings)), quick(settings)
		},
		"rtu-tcp":   on(server.ServeRTUOverTCP, bare, framed(rtuFraming{})),
		"ascii-tcp": on(server.ServeASCIIOverTCP, bare, framed(asciiFraming{})),
		"rtu-udp":   datagram(server.ServeRTUOverUDP, framed(rtuFraming{})),
		"tcp":       on(server.ServeTCP, bare, numbered),
		"udp":       datagram(server.ServeUDP, numbered),
		"tls": on(func(s server, ctx context.Context, l net.Listener) error {
			return s.ServeTCP(ctx, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}}))
		}, secure, numbered),
	}
}

// ending is a bus that is closed when the test ends.
func ending(t *testing.T, l link) *Bus {
	bus := newBus(l, quiet())
	t.Cleanup(func() { bus.Close() })
	return bus
}

// quick is a unit with a short time-out.
func quick(s drivers.Settings) *Device {
	d := unitOf(s, 1)
	d.Timeout = configs.Duration(300 * time.Millisecond)
	return d
}
