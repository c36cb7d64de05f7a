package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"fieldmq/firmware-sim/accept"
)

// ServeRTUOverTCP answers as a box does that hands the bytes of its clients on
// to a serial line: with RTU frames. It ends as ServeTCP does.
func (s *Server) ServeRTUOverTCP(ctx context.Context, l net.Listener) error {
	return accept.Loop(ctx, l, maxConnections, s.serveRTUConn)
}

// ServeASCIIOverTCP is ServeRTUOverTCP with ASCII frames.
func (s *Server) ServeASCIIOverTCP(ctx context.Context, l net.Listener) error {
	return accept.Loop(ctx, l, maxConnections, s.serveASCIIConn)
}

func (s *Server) serveASCIIConn(ctx context.Context, conn net.Conn) {
	_ = s.serveLine(ctx, conn, ascii{}, (&asciiReader{from: conn}).next) // a client that goes is no error
}

func (s *Server) serveRTUConn(ctx context.Context, conn net.Conn) {
	r := &rtuReader{conn: conn}
	_ = s.serveLine(ctx, conn, rtu{}, r.next) // a client that goes is no error
}

// rtuReader finds frames in what comes over a network, which may tear them: a
// frame is whole when its checksum is right, or nothing more has come.
type rtuReader struct{ conn net.Conn }

// torn is how long the rest of a frame may take.
const torn = 100 * time.Millisecond

func (r *rtuReader) next() ([]byte, error) {
	var held []byte
	chunk := make([]byte, maxRTU+1)
	for {
		deadline := time.Time{}
		if len(held) > 0 {
			deadline = time.Now().Add(torn)
		}
		if err := r.conn.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
		n, err := r.conn.Read(chunk)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return held, nil
		}
		if err != nil {
			return nil, err
		}
		held = append(held, chunk[:n]...)
		if _, _, whole := (rtu{}).parse(held); whole || len(held) > maxRTU {
			return held, nil
		}
	}
}

// ServeUDP answers datagrams that hold frames of Modbus TCP, until ctx ends,
// which is no error, or the socket fails. It closes the socket.
func (s *Server) ServeUDP(ctx context.Context, socket net.PacketConn) error {
	return s.serveDatagrams(ctx, socket, func(out *sender, datagram []byte) error {
		r := &reader{rest: datagram}
		h, pdu, err := readTCP(r)
		if err != nil || len(r.rest) > 0 {
			return nil // no frame, so nobody to answer
		}
		return s.answerTCP(ctx, out, h, pdu)
	})
}

// ServeRTUOverUDP is ServeUDP with RTU frames.
func (s *Server) ServeRTUOverUDP(ctx context.Context, socket net.PacketConn) error {
	return s.serveDatagrams(ctx, socket, func(out *sender, datagram []byte) error {
		unit, pdu, ok := rtu{}.parse(datagram)
		u, known := s.units[unit]
		if !ok || !known {
			return nil
		}
		return s.answerFrame(ctx, out, rtu{}, u, pdu)
	})
}

func (s *Server) serveDatagrams(ctx context.Context, socket net.PacketConn, serve func(*sender, []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		socket.Close()
		close(closed)
	})
	senders := map[string]*sender{} // by client
	defer func() {
		cancel()
		<-closed
		for _, out := range senders {
			out.late.Wait()
		}
	}()
	buffer := make([]byte, 2*maxRTU)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		out := senders[from.String()]
		if out == nil {
			if len(senders) >= maxConnections {
				continue
			}
			out = newSender(&reply{socket, from})
			senders[from.String()] = out
		}
		_ = serve(out, append([]byte(nil), buffer[:n]...)) // a client that is gone is no error
	}
}

// reply writes datagrams to a client.
type reply struct {
	socket net.PacketConn
	to     net.Addr
}

func (r *reply) Write(b []byte) (int, error) { return r.socket.WriteTo(b, r.to) }

// reader reads a datagram.
type reader struct{ rest []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, errHeader
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Modem is a device that cannot be called and dials in where it is to be asked.
type Modem struct {
	Address      string        // where it dials in
	Registration []byte        // what it says first
	Heartbeat    []byte        // what it says each Beat
	Beat         time.Duration // zero: never
	Framing      Framing
	Secure       *tls.Config // nil: in the clear
}

// Framing is how the frames of a connection are told apart.
type Framing uint8

// The framings: that of Modbus TCP, and those of a box that hands on the bytes of
// a serial line.
const (
	MBAP Framing = iota
	RTU
	ASCII
)

// ServeModem dials in and answers, again and again, until ctx ends.
func (s *Server) ServeModem(ctx context.Context, m Modem) error {
	for ctx.Err() == nil {
		s.dialIn(ctx, m)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}

// dialIn answers on one connection until it ends.
func (s *Server) dialIn(ctx context.Context, m Modem) {
	conn, err := m.dial(ctx)
	if err != nil {
		return // nobody is there yet
	}
	ctx, cancel := context.WithCancel(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		m.beat(ctx, conn)
	}()
	if _, err := conn.Write(m.Registration); err == nil {
		s.serve(m.Framing)(ctx, conn)
	}
	cancel()
	conn.Close()
	<-beating
}

// patience is how long the one who is dialled may take to let the device in.
const patience = 10 * time.Second

func (m *Modem) dial(ctx context.Context) (net.Conn, error) {
	plain := &net.Dialer{Timeout: patience}
	if m.Secure == nil {
		return plain.DialContext(ctx, "tcp", m.Address)
	}
	return (&tls.Dialer{NetDialer: plain, Config: m.Secure}).DialContext(ctx, "tcp", m.Address)
}

// serve is what answers on a connection of that framing.
func (s *Server) serve(f Framing) func(context.Context, net.Conn) {
	switch f {
	case RTU:
		return s.serveRTUConn
	case ASCII:
		return s.serveASCIIConn
	}
	return s.serveConn
}

func (m *Modem) beat(ctx context.Context, conn net.Conn) {
	for m.Beat > 0 {
		select {
		case <-time.After(m.Beat):
			_, _ = conn.Write(m.Heartbeat) // an end shows in the next read
		case <-ctx.Done():
			return
		}
	}
}
