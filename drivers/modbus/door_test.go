package modbus

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// freeAddress is a port of the loopback that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dialIn is a device of a unit that dials in, and answers until the test ends or
// its connection does.
func dialIn(t *testing.T, address, says string, unit byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, says); err != nil {
		t.Fatal(err)
	}
	answering(conn, unit)
	return conn
}

// answering has a connection answer for a unit until it ends.
func answering(conn net.Conn, unit byte) {
	go func() { // it ends with the connection
		for {
			request, err := next(conn)
			if err != nil {
				return
			}
			if request[6] == unit {
				conn.Write(reply(request))
			}
		}
	}()
}

// awaiting is a bus whose device is to dial in.
func awaiting(t *testing.T, address, name string, unit int) (*Bus, *drivers.Point) {
	t.Helper()
	s := newTCPSettings()
	s.Listen, s.Registration, s.Timeout = address, Bytes(name), configs.Duration(300*time.Millisecond)
	bus := opened(t, s)
	t.Cleanup(func() { bus.Close() })
	return bus, far(unitOf(s, unit), 1)[0]
}

// comes reads until there is a value.
func comes(t *testing.T, bus *Bus, p *drivers.Point) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		samples, err := bus.Read(t.Context(), []*drivers.Point{p})
		if err == nil && samples[0].Err == nil {
			if samples[0].Value != right(p) {
				t.Fatalf("got %v, want %v", samples[0].Value, right(p))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no value comes: %v, %v", samples, err)
		}
	}
}

func TestDevicesThatDialInAreKnownByWhatTheySay(t *testing.T) {
	address := freeAddress(t)
	first, p := awaiting(t, address, "PUMP-3", 3)
	second, q := awaiting(t, address, "PUMP-4", 4)
	if got := readOne(t, first, p); got.Err != notThere {
		t.Errorf("got %v, %v before the device has dialled in", got.Value, got.Err)
	}
	dialIn(t, address, "PUMP-4", 4)
	dialIn(t, address, "PUMP-3", 3)
	comes(t, first, p)
	comes(t, second, q)
}

func TestNewestConnectionOfADeviceCounts(t *testing.T) {
	address := freeAddress(t)
	bus, p := awaiting(t, address, "", 1)
	old := dialIn(t, address, "", 1)
	comes(t, bus, p)
	dialIn(t, address, "", 1) // without an end of the old one, as modems do
	for deadline := time.Now().Add(20 * time.Second); ; {
		comes(t, bus, p)
		if bus.link.(*tcp).conn.RemoteAddr().String() != old.LocalAddr().String() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the old connection is still used")
		}
	}
}

func TestStrangerIsHungUpOn(t *testing.T) {
	address := freeAddress(t)
	awaiting(t, address, "PUMP-3", 3)
	stranger := dialIn(t, address, "", 0)
	if _, err := io.WriteString(stranger, "PUMQ"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := stranger.Write([]byte{0}); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}

func TestDevicesThatCannotBeToldApartAreRefused(t *testing.T) {
	for _, names := range [][2]string{{"", ""}, {"A", ""}, {"A", "AB"}, {"A", "A"}} {
		address := freeAddress(t)
		awaiting(t, address, names[0], 1)
		s := newTCPSettings()
		s.Listen, s.Registration = address, Bytes(names[1])
		if _, err := s.Open(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "another registration") {
			t.Errorf("%q: got %v", names, err)
		}
	}
}

func TestDoorIsShutAfterTheLast(t *testing.T) {
	address := freeAddress(t)
	for range 3 {
		first, _ := awaiting(t, address, "A", 1)
		second, _ := awaiting(t, address, "B", 1)
		conn, err := net.Dial("tcp", address) // says nothing, and must not hold up the end
		if err != nil {
			t.Fatal(err)
		}
		first.Close()
		second.Close()
		conn.Close()
		if _, err := net.Dial("tcp", address); err == nil {
			t.Fatal("the door is still open")
		}
	}
}
