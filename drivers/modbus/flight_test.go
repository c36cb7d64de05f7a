package modbus

import (
	"net"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// requestsAtATime serves a peer that waits until so many requests have come, or
// no more come, and then answers all, the last one first.
func requestsAtATime(t *testing.T, most *int, answer func(request []byte) []byte) *tcpPeer {
	return newTCPPeer(t, func(conn net.Conn, _ int) {
		for {
			first, err := next(conn)
			if err != nil {
				return
			}
			requests := [][]byte{first}
			for {
				conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
				request, err := next(conn)
				if err != nil {
					break
				}
				requests = append(requests, request)
			}
			conn.SetReadDeadline(time.Time{})
			*most = max(*most, len(requests))
			for i := range requests {
				if a := answer(requests[len(requests)-1-i]); a != nil {
					conn.Write(a)
				}
			}
		}
	})
}

func TestUnitsOfOneConnectionAreAskedAtTheSameTime(t *testing.T) {
	for name, c := range map[string]struct {
		connection, unit int // in flight
		most             int
	}{
		"as many as the connection takes": {3, 3, 3},
		"one of each unit":                {8, 1, 4},
		"two of each unit":                {8, 2, 8},
		"one after the other":             {1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			most := 0
			p := requestsAtATime(t, &most, reply)
			bus, _ := onTCP(t, p, c.connection, time.Minute)
			var groups [][]*drivers.Point
			for unit := 1; unit <= 4; unit++ {
				d := unitOf(newTCPSettings(), unit)
				d.InFlight = c.unit
				groups = append(groups, far(d, 3))
			}
			samples, err := bus.ReadAll(t.Context(), groups)
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range samples {
				for _, s := range group {
					if s.Err != nil || s.Value != right(s.Point) {
						t.Errorf("%v: got %v, %v", s.Point.At, s.Value, s.Err)
					}
				}
			}
			if most != c.most {
				t.Errorf("%d requests at a time, want %d", most, c.most)
			}
		})
	}
}

// TestDeadUnitBehindABoxIsDeadAlone: whether the box says so or keeps silent.
func TestDeadUnitBehindABoxIsDeadAlone(t *testing.T) {
	for name, dead := range map[string]func(request []byte) []byte{
		"no answer behind the gateway": func(r []byte) []byte { return framed(r, []byte{0x83, 11}) },
		"gateway path unavailable":     func(r []byte) []byte { return framed(r, []byte{0x83, 10}) },
		"no answer":                    func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			most := 0
			p := requestsAtATime(t, &most, func(r []byte) []byte {
				if r[6] == 2 {
					return dead(r)
				}
				return reply(r)
			})
			bus, _ := onTCP(t, p, 2, time.Second)
			var groups [][]*drivers.Point
			for unit := 1; unit <= 3; unit++ {
				d := unitOf(newTCPSettings(), unit)
				d.Timeout = configs.Duration(300 * time.Millisecond)
				groups = append(groups, far(d, 2))
			}
			samples, err := bus.ReadAll(t.Context(), groups)
			if err != nil {
				t.Fatal(err)
			}
			for i, group := range samples {
				for _, s := range group {
					if i == 1 && (s.Err == nil || s.Err.Error() != name) {
						t.Errorf("dead unit: got %v, %v", s.Value, s.Err)
					}
					if i != 1 && (s.Err != nil || s.Value != right(s.Point)) {
						t.Errorf("%v: got %v, %v", s.Point.At, s.Value, s.Err)
					}
				}
			}
			if n := p.connections.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
			if c := bus.Counts(groups[1][0]); c.Requests != 1 || c.Silences+c.Exceptions != 1 {
				t.Errorf("counted %+v", c)
			}
		})
	}
}

// TestLostDatagramsAreRepeatedOnTheirSocket: several that are lost at once are no
// reason to begin anew.
func TestLostDatagramsAreRepeatedOnTheirSocket(t *testing.T) {
	const units = 4
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	from, asked := map[string]bool{}, map[byte]int{}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for buf := make([]byte, tcpLongest); ; {
			n, peer, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			from[peer.String()] = true
			if asked[buf[6]]++; asked[buf[6]] > 1 { // the first ones are lost
				socket.WriteTo(reply(buf[:n]), peer)
			}
		}
	}()
	s := newUDPSettings()
	s.Host, s.InFlight, s.Timeout = socket.LocalAddr().String(), units, configs.Duration(2*time.Second)
	bus, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	var groups [][]*drivers.Point
	for unit := 1; unit <= units; unit++ {
		groups = append(groups, far(unitOf(s, unit), 1))
	}
	samples, err := bus.(*Bus).ReadAll(t.Context(), groups)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range samples {
		if s := group[0]; s.Err != nil || s.Value != right(s.Point) {
			t.Errorf("%v: got %v, %v", s.Point.At, s.Value, s.Err)
		}
	}
	bus.Close()
	socket.Close()
	<-served
	if len(from) != 1 {
		t.Errorf("asked from %v", from)
	}
}
