package modbus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// onTCP runs f beside a server on the loopback; dial opens a connection.
func onTCP(t *testing.T, units []Unit, f func(dial func() net.Conn)) {
	t.Helper()
	s, err := NewServer(units...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.ServeTCP(ctx, l) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	f(func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		return conn
	})
}

// receive reads n bytes; fewer if the server hangs up.
func receive(conn net.Conn, n int) []byte {
	b := make([]byte, n)
	n, _ = io.ReadFull(conn, b)
	return b[:n]
}

func TestRequestsAreAnsweredByteForByteOnTCP(t *testing.T) {
	onTCP(t, []Unit{{ID: 1, Device: filled()}}, func(dial func() net.Conn) {
		conn := dial()
		for _, k := range []struct{ name, request, answer string }{
			{"a read", "1234 0000 0006 01 03 0007 0002", "1234 0000 0007 01 03 04 0007 0008"},
			{"the server itself as 255", "0001 0000 0006 FF 04 0000 0001", "0001 0000 0005 FF 04 02 1388"},
			{"the server itself as 0", "0002 0000 0006 00 04 0000 0001", "0002 0000 0005 00 04 02 1388"},
			{"an exception", "FFFF 0000 0006 01 03 FFFF 0001", "FFFF 0000 0003 01 83 02"},
			{"nobody there", "0003 0000 0006 05 03 0000 0001", "0003 0000 0003 05 83 0B"},
		} {
			conn.Write(raw(t, k.request))
			if got, want := receive(conn, len(raw(t, k.answer))), raw(t, k.answer); !bytes.Equal(got, want) {
				t.Errorf("%s: %x, want %x", k.name, got, want)
			}
		}
	})
}

func TestManyRequestsMayBeUnderWay(t *testing.T) {
	onTCP(t, []Unit{{ID: 1, Device: filled()}}, func(dial func() net.Conn) {
		conn := dial()
		var requests, want []byte
		for i := range uint16(100) {
			h := header{transaction: i, unit: 1}
			requests = append(requests, frameTCP(h, []byte{readHolding, 0, byte(i), 0, 1})...)
			want = append(want, frameTCP(h, []byte{readHolding, 2, 0, byte(i)})...)
		}
		conn.Write(requests[:1001]) // the cut falls within a frame
		conn.Write(requests[1001:])
		if got := receive(conn, len(want)); !bytes.Equal(got, want) {
			t.Errorf("%x", got)
		}
	})
}

func TestBrokenHeadersAreHungUpOn(t *testing.T) {
	onTCP(t, []Unit{{ID: 1, Device: filled()}}, func(dial func() net.Conn) {
		for name, request := range map[string]string{
			"another protocol": "0001 0001 0006 01 03 0000 0001",
			"no function code": "0001 0000 0001 01",
			"too long":         "0001 0000 00FF 01 03",
			"something else":   "474554202F20485454502F312E310D0A",
		} {
			conn := dial()
			conn.Write(raw(t, request))
			if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOneClientTooManyIsHungUpOn(t *testing.T) {
	onTCP(t, []Unit{{ID: 1, Device: filled()}}, func(dial func() net.Conn) {
		for range maxConnections {
			conn := dial()
			conn.Write(raw(t, "0001 0000 0006 01 03 0000 0001"))
			if len(receive(conn, 11)) != 11 {
				t.Fatal("a client within the limit is not served")
			}
		}
		if _, err := dial().Read(make([]byte, 1)); err == nil {
			t.Error("one client too many is served")
		}
	})
}

func TestFaultsDoWhatTheyAreCalledOnTCP(t *testing.T) {
	request := raw(t, "0001 0000 0006 01 03 0007 0001")
	good := raw(t, "0001 0000 0005 01 03 02 0007")
	for _, k := range []struct {
		fault string
		n     int
		ok    func(got []byte) bool
	}{
		{"exception 10", 9, func(got []byte) bool { return bytes.Equal(got, raw(t, "0001 0000 0003 01 83 0A")) }},
		{"wrong-unit", 11, func(got []byte) bool { return got[6] == 2 && bytes.Equal(got[7:], good[7:]) }},
		{"foreign", 22, func(got []byte) bool { return got[0] != 0 && bytes.Equal(got[11:], good) }},
		{"late 30ms", 11, func(got []byte) bool { return bytes.Equal(got, good) }},
		{"noise 100%", 11, func(got []byte) bool { return got[0] != 0 && got[10] != 7 }},
	} {
		onTCP(t, broken(t, k.fault), func(dial func() net.Conn) {
			conn := dial()
			start := time.Now()
			conn.Write(request)
			if got := receive(conn, k.n); len(got) != k.n || !k.ok(got) {
				t.Errorf("%s: %x", k.fault, got)
			}
			if k.fault == "late 30ms" && time.Since(start) < 30*time.Millisecond {
				t.Error("the late answer is early")
			}
		})
	}
}

func FuzzTCP(f *testing.F) {
	f.Add(frameTCP(header{transaction: 1, unit: 1}, []byte{readHolding, 0, 7, 0, 1}))
	f.Add(frameTCP(header{transaction: 2}, []byte{writeCoils, 0, 0x13, 0, 10, 2, 0xCD, 1}))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			rest := stream[len(stream)-r.Len():]
			h, pdu, err := readTCP(r)
			if err != nil {
				return
			}
			if !bytes.HasPrefix(rest, frameTCP(h, pdu)) {
				t.Fatalf("%x is taken for something else", rest)
			}
			check(t, pdu)
		}
	})
}
