package modbus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// tcpPeer is a listener whose every connection is served by a script.
type tcpPeer struct {
	net.Listener
	connections atomic.Int32
	ended       sync.WaitGroup
}

func newTCPPeer(t *testing.T, serve func(conn net.Conn, n int)) *tcpPeer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tcpPeer{Listener: l}
	p.ended.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := int(p.connections.Add(1))
			p.ended.Go(func() { defer conn.Close(); serve(conn, n) })
		}
	})
	t.Cleanup(func() { l.Close(); p.ended.Wait() })
	return p
}

// onTCP opens a bus to a peer; it is closed before the peer is waited for.
func onTCP(t *testing.T, p *tcpPeer, inFlight int, timeout time.Duration) (*Bus, *Device) {
	t.Helper()
	s := newTCPSettings()
	s.Host, s.InFlight, s.Timeout = p.Addr().String(), inFlight, configs.Duration(timeout)
	bus, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	return bus.(*Bus), unitOf(s, 1)
}

// next reads a request, of which all that we send have 12 bytes or say how
// many.
func next(conn net.Conn) ([]byte, error) {
	frame := make([]byte, 6)
	if _, err := io.ReadFull(conn, frame); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint16(frame[4:]))
	_, err := io.ReadFull(conn, rest)
	return append(frame, rest...), err
}

// reply is the right answer to a request.
func reply(request []byte) []byte {
	rtu := simulated(request[6:])
	return framed(request, rtu[1:len(rtu)-2])
}

// framed puts the header of a request before a PDU.
func framed(request, pdu []byte) []byte {
	frame := slices.Clone(request[:4])
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(pdu)+1))
	return append(append(frame, request[6]), pdu...)
}

// far are points that need a request each.
func far(d *Device, n int) (points []*drivers.Point) {
	for i := range n {
		points = append(points, point(d, "p", holding(i*1000, Uint16)))
	}
	return points
}

func checkRight(t *testing.T, bus *Bus, points []*drivers.Point) {
	t.Helper()
	samples, err := bus.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if s.Err != nil || s.Value != right(s.Point) {
			t.Errorf("%v: got %v, %v; want %v", s.Point.At, s.Value, s.Err, right(s.Point))
		}
	}
}

func TestLateAnswerOnTCPIsDroppedByItsNumber(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		late, err := next(conn)
		if err != nil {
			return
		}
		for {
			request, err := next(conn)
			if err != nil {
				return
			}
			if late != nil {
				conn.Write(reply(late))
				late = nil
			}
			conn.Write(reply(request))
		}
	})
	bus, d := onTCP(t, p, 1, 50*time.Millisecond)
	points := far(d, 2)
	if got := readOne(t, bus, points[1]); got.Err != drivers.ErrOffline {
		t.Errorf("got %v, %v", got.Value, got.Err)
	}
	d.Timeout = configs.Duration(time.Minute)
	checkRight(t, bus, points[:1])
	if n := p.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAnswersInAnyOrderFindTheirRequests(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		for {
			var requests [][]byte
			for range 4 {
				request, err := next(conn)
				if err != nil {
					return
				}
				requests = append(requests, request)
			}
			slices.Reverse(requests)
			for _, request := range requests {
				answer := reply(request)
				conn.Write(answer[:5]) // frames come in pieces
				conn.Write(answer[5:])
			}
		}
	})
	bus, d := onTCP(t, p, 4, time.Minute)
	checkRight(t, bus, far(d, 8))
}

func TestNoMoreThanAllowedIsInFlight(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		for {
			request, err := next(conn)
			if err != nil {
				return
			}
			conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			if more, err := next(conn); err == nil {
				t.Errorf("% X came before the answer to % X", more, request)
			}
			conn.SetReadDeadline(time.Time{})
			conn.Write(reply(request))
		}
	})
	bus, d := onTCP(t, p, 1, time.Minute)
	checkRight(t, bus, far(d, 4))
}

func TestClosedConnectionIsMadeAgain(t *testing.T) {
	tests := map[string]func(conn net.Conn){
		"when the peer closes after each answer": func(conn net.Conn) {
			if request, err := next(conn); err == nil {
				conn.Write(reply(request))
			}
		},
		"when the peer says more than its answers": func(conn net.Conn) {
			for {
				request, err := next(conn)
				if err != nil {
					return
				}
				conn.Write(append(reply(request), "end"...))
			}
		},
		"when the peer closes in the middle": func(conn net.Conn) {
			for range 2 {
				request, err := next(conn)
				if err != nil {
					return
				}
				conn.Write(reply(request))
			}
			next(conn)
		},
	}
	for name, serve := range tests {
		t.Run(name, func(t *testing.T) {
			p := newTCPPeer(t, func(conn net.Conn, _ int) { serve(conn) })
			bus, d := onTCP(t, p, 1, time.Minute)
			for range 5 {
				checkRight(t, bus, far(d, 3))
			}
			if n := p.connections.Load(); n < 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestRequestThatEndsTheConnectionCostsOnlyItself: some devices hang up where
// others decline.
func TestRequestThatEndsTheConnectionCostsOnlyItself(t *testing.T) {
	const bad = 0 // the first that is asked for
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		for {
			request, err := next(conn)
			if err != nil || binary.BigEndian.Uint16(request[8:]) == bad {
				return
			}
			conn.Write(reply(request))
		}
	})
	bus, d := onTCP(t, p, 1, time.Minute)
	points := far(d, 4)
	for range 3 {
		samples, err := bus.Read(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range samples {
			if i == bad {
				if !errors.Is(s.Err, drivers.ErrOffline) || s.Err.Error() != "it has closed the connection" {
					t.Errorf("what ends the connection: %v, %v", s.Value, s.Err)
				}
				continue
			}
			if s.Err != nil || s.Value != right(s.Point) {
				t.Errorf("%v: got %v, %v; want %v", s.Point.At, s.Value, s.Err, right(s.Point))
			}
		}
	}
}

// TestPeerThatAlwaysHangsUpIsLeftInPeace: one that has no room for us gets few
// connections at a time, and is silent as long as that lasts.
func TestPeerThatAlwaysHangsUpIsLeftInPeace(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) { next(conn) })
	bus, d := onTCP(t, p, 1, time.Minute)
	for range 4 {
		samples, err := bus.Read(t.Context(), far(d, 20))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			if !errors.Is(s.Err, drivers.ErrOffline) {
				t.Fatalf("got %v, %v", s.Value, s.Err)
			}
		}
	}
	if n := p.connections.Load(); n > 8 {
		t.Errorf("%d connections for 4 reads", n)
	}
}

func TestWriteOnADyingConnectionIsNotSentTwice(t *testing.T) {
	var written atomic.Int32
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		for {
			request, err := next(conn)
			if err != nil {
				return
			}
			if request[7] == 6 {
				written.Add(1)
				return
			}
			conn.Write(reply(request))
		}
	})
	bus, d := onTCP(t, p, 1, time.Minute)
	points := far(d, 1)
	checkRight(t, bus, points)
	err := bus.Write(t.Context(), []drivers.Command{{Point: points[0], Value: drivers.Int(1)}})
	if !errors.Is(err, drivers.ErrBus) || written.Load() != 1 {
		t.Errorf("got %v after %d writes", err, written.Load())
	}
}

// TestWriteOnADyingConnectionIsVerifiedOnAnother: reading back settles whether it
// was carried out.
func TestWriteOnADyingConnectionIsVerifiedOnAnother(t *testing.T) {
	for name, obeys := range map[string]bool{"where it was": true, "where it was not": false} {
		t.Run(name, func(t *testing.T) {
			var register atomic.Uint32
			var written atomic.Int32
			p := newTCPPeer(t, func(conn net.Conn, _ int) {
				for {
					request, err := next(conn)
					if err != nil {
						return
					}
					if request[7] == 6 {
						written.Add(1)
						if obeys {
							register.Store(uint32(request[11]))
						}
						return
					}
					conn.Write(framed(request, []byte{3, 2, 0, byte(register.Load())}))
				}
			})
			bus, d := onTCP(t, p, 1, time.Minute)
			point := point(d, "x", func(a *Address) { a.Holding, a.Verify = at0(0), Verify{On: true} })
			err := bus.Write(t.Context(), []drivers.Command{{Point: point, Value: drivers.Int(7)}})
			if (err == nil) != obeys || errors.Is(err, drivers.ErrUnsure) || written.Load() != 1 {
				t.Errorf("got %v after %d writes", err, written.Load())
			}
		})
	}
}

func TestPeerThatIsNoModbusIsTheEnd(t *testing.T) {
	for name, change := range map[string]func([]byte){
		"when it speaks another protocol": func(frame []byte) { frame[2] = 'H' },
		"when the length is too short":    func(frame []byte) { frame[4], frame[5] = 0, 1 },
		"when the length is too long":     func(frame []byte) { frame[4], frame[5] = 1, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newTCPPeer(t, func(conn net.Conn, _ int) {
				request, err := next(conn)
				if err != nil {
					return
				}
				frame := reply(request)
				change(frame)
				conn.Write(frame)
				io.Copy(io.Discard, conn)
			})
			bus, d := onTCP(t, p, 1, time.Minute)
			_, err := bus.Read(t.Context(), far(d, 1))
			if !errors.Is(err, drivers.ErrBus) || !errors.Is(err, ErrFraming) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnswerThatDoesNotFitIsNoValue(t *testing.T) {
	tests := map[string]struct {
		answer func(request []byte) []byte
		want   string
	}{
		"is too long":           {func(r []byte) []byte { return framed(r, []byte{3, 4, 0, 1, 0, 2}) }, "damaged answer"},
		"is empty":              {func(r []byte) []byte { return framed(r, []byte{3, 0}) }, "damaged answer"},
		"is another function's": {func(r []byte) []byte { return framed(r, []byte{4, 2, 0, 1}) }, "damaged answer"},
		"is another unit's": {func(r []byte) []byte {
			frame := reply(r)
			frame[6]++
			return frame
		}, "unit 2 answered in its place"},
		"declines": {func(r []byte) []byte { return framed(r, []byte{0x83, 2}) }, "illegal data address"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newTCPPeer(t, func(conn net.Conn, _ int) {
				for {
					request, err := next(conn)
					if err != nil {
						return
					}
					conn.Write(tt.answer(request))
				}
			})
			bus, d := onTCP(t, p, 1, 50*time.Millisecond)
			if got := readOne(t, bus, far(d, 1)[0]); got.Err == nil || got.Err.Error() != tt.want {
				t.Errorf("got %v, %v", got.Value, got.Err)
			}
		})
	}
}

// TestChatterDoesNotStretchTheWait: frames that nobody asked for must not
// begin the time-out anew.
func TestChatterDoesNotStretchTheWait(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		request, err := next(conn)
		if err != nil {
			return
		}
		frame := reply(request)
		frame[0]++
		for err == nil {
			_, err = conn.Write(frame)
			time.Sleep(time.Millisecond)
		}
	})
	bus, d := onTCP(t, p, 1, 50*time.Millisecond)
	done := make(chan drivers.Sample, 1)
	go func() {
		samples, _ := bus.Read(t.Context(), far(d, 1))
		done <- samples[0]
	}()
	select {
	case got := <-done:
		if got.Err != drivers.ErrOffline {
			t.Errorf("got %v, %v", got.Value, got.Err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the wait does not end")
	}
}

// FuzzReceive looks for bytes of a peer that make us panic, or that give a
// value although they are no answer.
func FuzzReceive(f *testing.F) {
	request := readRequest(Holding, 10, 1)
	for _, pdu := range [][]byte{{3, 2, 0, 7}, {0x83, 2}, {3, 4, 0, 1, 0, 2}, {}} {
		f.Add(framed([]byte{0, 1, 0, 0, 0, 0, 1}, pdu))
	}
	f.Fuzz(func(t *testing.T, received []byte) {
		link := newTCP(nil, 1)
		link.in = bufio.NewReader(bytes.NewReader(received))
		adu, err := link.unit(1).packer.Encode(&request.body) // the first has number 1
		if err != nil {
			t.Fatal(err)
		}
		c := &link.talk
		c.begin(link, []question{{to: target{unit: 1}, request: request}})
		c.open, c.todo = []sent{{index: 0, unit: link.unit(1), adu: adu, at: time.Now()}}, nil
		for err == nil && c.done == 0 {
			err = c.receive()
		}
		a := c.answers[0]
		if c.done == 0 || a.err != nil {
			return
		}
		if want := framed([]byte{0, 1, 0, 0, 0, 0, 1}, append([]byte{3, 2}, a.data...)); len(a.data) != 2 || !bytes.Contains(received, want) {
			t.Errorf("% X became % X", received, a.data)
		}
	})
}

func TestClosedPortIsAnError(t *testing.T) {
	s := newTCPSettings()
	p := newTCPPeer(t, func(net.Conn, int) {})
	s.Host = p.Addr().String()
	p.Close()
	if _, err := s.Open(t.Context(), quiet()); err == nil {
		t.Error("a closed port was opened")
	}
}

func TestPortOfTCPIs502(t *testing.T) {
	for host, want := range map[string]string{
		"plc.local":        "plc.local:502",
		"192.168.1.20":     "192.168.1.20:502",
		"192.168.1.20:503": "192.168.1.20:503",
		"::1":              "[::1]:502",
		"[::1]":            "[::1]:502",
		"[::1]:503":        "[::1]:503",
	} {
		s := Peer{Host: host}
		if got := s.hostPort(plainPort); got != want {
			t.Errorf("%s: got %s", host, got)
		}
	}
}
