package modbus

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// onNetLine opens a bus to a box that hands bytes on as they are.
func onNetLine(t *testing.T, p *tcpPeer) (*Bus, *Device) {
	t.Helper()
	s := newStreamSettings(rtuFraming{})
	s.Host, s.Timeout = p.Addr().String(), configs.Duration(time.Minute)
	bus, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	return bus.(*Bus), unitOf(s, 1)
}

func TestBoxThatHangsUpAfterEachAnswerIsCalledAgain(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) {
		request := make([]byte, 8)
		if _, err := io.ReadFull(conn, request); err == nil {
			conn.Write(simulated(request))
		}
	})
	bus, d := onNetLine(t, p)
	for range 5 {
		checkRight(t, bus, far(d, 3))
	}
}

func TestBoxThatHangsUpAtOnceIsSilent(t *testing.T) {
	p := newTCPPeer(t, func(conn net.Conn, _ int) { io.ReadFull(conn, make([]byte, 8)) })
	bus, d := onNetLine(t, p)
	samples, err := bus.Read(t.Context(), far(d, 9))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if !errors.Is(s.Err, drivers.ErrOffline) || s.Err.Error() != "it has closed the connection" {
			t.Errorf("got %v, %v", s.Value, s.Err)
		}
	}
	if n := p.connections.Load(); n > 2 {
		t.Errorf("%d connections", n)
	}
}
