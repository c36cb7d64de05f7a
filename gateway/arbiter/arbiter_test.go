package arbiter

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// fakeBus is a loop and its bus, whose unit 1 has holding registers 0 to 99
// that count how often they were asked, and takes every write.
type fakeBus struct {
	drivers.Bus
	watch  func(modbus.Exchange)
	asked  int
	closed bool
	err    error         // of the next requests
	taken  time.Duration // until the bus is free
}

func (f *fakeBus) Observe(watch func(modbus.Exchange)) { f.watch = watch }

func (f *fakeBus) Exchange(ctx context.Context, do func(context.Context, drivers.Bus) error) error {
	if f.closed {
		return fmt.Errorf("%w: the adapter is gone", drivers.ErrOffline)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.taken):
	}
	return do(ctx, f)
}

func (f *fakeBus) Request(_ context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error) {
	f.asked++
	answer, err := []byte(nil), f.err
	switch {
	case errors.Is(err, drivers.ErrOffline):
		time.Sleep(timeout)
	case err != nil:
	case function == frame.ReadHolding:
		for range binary.BigEndian.Uint16(data[2:]) {
			answer = append(answer, 0, byte(f.asked))
		}
	case function == frame.ServerID:
		answer = []byte("abc")
	default:
		answer = data[:min(4, len(data))]
	}
	f.watch(modbus.Exchange{Unit: unit, Function: function, Request: data, Answer: answer, Err: err, At: time.Now()})
	return answer, err
}

// opened is the door of a fake bus.
func opened(f *fakeBus, c Config) *door {
	fresh := Config{}
	fresh.SetDefaults()
	if c.Wait == 0 {
		c.Wait = fresh.Wait
	}
	if c.Clients == 0 {
		c.Clients = fresh.Clients
	}
	c.Idle = fresh.Idle
	a := New([]Config{c}, f, func(byte) time.Duration { return 500 * time.Millisecond }, slog.New(slog.DiscardHandler))
	a.Watch(f)
	return &door{Arbiter: a, Config: &a.doors[0], log: a.log}
}

var here = netip.MustParseAddr("127.0.0.1")

// ask is the answer to a request in hexadecimal.
func (d *door) ask(from netip.Addr, unit byte, pdu string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(pdu, " ", ""))
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("% X", d.answer(context.Background(), from, unit, b))
}

func TestRulesDecide(t *testing.T) {
	network := func(text string) (n Network) {
		if err := n.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	rules := []Rule{
		{From: []Network{network("10.0.0.0/24")}, Units: []modbus.Range{{First: 1, Last: 4}}},
		{From: []Network{network("10.0.0.7")}, Units: []modbus.Range{{First: 2, Last: 2}}, Write: true,
			Functions: []modbus.Range{{First: 6, Last: 6}, {First: 16, Last: 16}}, Registers: []modbus.Range{{First: 10, Last: 14}, {First: 15, Last: 19}}},
		{From: []Network{network("10.0.0.9")}, Units: []modbus.Range{{First: 0, Last: 0}}, Write: true},
	}
	d := opened(&fakeBus{}, Config{Allow: rules})
	for _, c := range []struct {
		what, from string
		unit       byte
		pdu, want  string
	}{
		{"reads what it may", "10.0.0.5", 1, "03 0000 0001", "03 02 00 01"},
		{"is refused another unit", "10.0.0.5", 5, "03 0000 0001", "83 0A"},
		{"is refused a write", "10.0.0.5", 2, "06 000A 0001", "86 01"},
		{"writes what it may", "10.0.0.7", 2, "06 000A 0001", "06 00 0A 00 01"},
		{"writes across two ranges that touch", "10.0.0.7", 2, "10 000A 000A 14 0000000000000000000000000000000000000000", "10 00 0A 00 0A"},
		{"is refused registers beside", "10.0.0.7", 2, "06 0014 0001", "86 02"},
		{"is refused a range that juts out", "10.0.0.7", 2, "10 0013 0002 04 00000000", "90 02"},
		{"is refused a function beside", "10.0.0.7", 2, "05 000A FF00", "85 01"},
		{"is nobody", "10.0.1.1", 1, "03 0000 0001", "83 0A"},
		{"sends what no device knows", "10.0.0.5", 1, "64 00", "E4 01"},
		{"asks for too much", "10.0.0.5", 1, "03 0000 00FF", "83 03"},
		{"asks beyond the end", "10.0.0.5", 1, "03 FFFF 0002", "83 02"},
		{"asks who is there", "10.0.0.5", 1, "11", "11 03 61 62 63"},
		{"writes to all at once", "10.0.0.9", 0, "06 000A 0001", "06 00 0A 00 01"},
		{"cannot read from all at once", "10.0.0.9", 0, "03 0000 0001", "83 01"},
		{"may not write to all at once", "10.0.0.5", 0, "06 000A 0001", "86 0A"},
	} {
		if got := d.ask(netip.MustParseAddr(c.from), c.unit, c.pdu); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if d.welcome(netip.MustParseAddr("10.0.1.1")) || !d.welcome(netip.MustParseAddr("10.0.0.200")) {
		t.Error("the wrong clients are welcome")
	}
}

func TestWithoutRulesThisMachineMayRead(t *testing.T) {
	d := opened(&fakeBus{}, Config{})
	if got := d.ask(here, 1, "03 0000 0001"); got != "03 02 00 01" {
		t.Error(got)
	}
	if got := d.ask(here, 1, "06 0000 0001"); got != "86 01" {
		t.Error(got)
	}
	if got := d.ask(netip.Addr{}, 1, "03 0000 0001"); got != "03 02 00 02" {
		t.Errorf("the master of a serial line: %s", got)
	}
	if d.welcome(netip.MustParseAddr("10.0.0.1")) {
		t.Error("another machine is welcome")
	}
}

func TestFreshValuesComeFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBus{}
		d := opened(f, Config{MaxAge: 1e9, Allow: []Rule{{Write: true}}})
		steps := []struct {
			wait time.Duration
			pdu  string
			want string
		}{
			{0, "03 0000 0004", "03 08 00 01 00 01 00 01 00 01"},
			{500 * time.Millisecond, "03 0001 0002", "03 04 00 01 00 01"},
			{0, "03 0003 0002", "03 04 00 02 00 02"}, // 4 was never read
			{0, "03 0002 0002", "03 04 00 01 00 02"},
			{600 * time.Millisecond, "03 0000 0001", "03 02 00 03"}, // too old
			{0, "06 0032 0001", "06 00 32 00 01"},
			{0, "03 0000 0001", "03 02 00 05"}, // what was written may have changed all
		}
		for i, s := range steps {
			time.Sleep(s.wait)
			if got := d.ask(here, 1, s.pdu); got != s.want {
				t.Errorf("step %d: %s, want %s", i, got, s.want)
			}
		}
		f.watch(modbus.Exchange{Unit: 1, Function: frame.ReadCoils, Request: []byte{0, 0, 0, 10}, Answer: []byte{0x05, 0x02}, At: time.Now()})
		if got := d.ask(here, 1, "01 0002 0008"); got != "01 01 81" {
			t.Errorf("bits that the gateway read: %s", got)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := newImage()
	for unit := range 4 {
		for first := 0; first < 1<<16; first += 1 << 8 {
			m.note(modbus.Exchange{Unit: byte(unit), Function: frame.ReadHolding, At: time.Now(),
				Request: []byte{byte(first >> 8), 0, 0, 125}, Answer: make([]byte, 250)})
		}
	}
	if len(m.cells) > mostCells {
		t.Errorf("%d registers are kept", len(m.cells))
	}
}

func TestSilentUnitIsLeftAloneAndAnsweredFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBus{err: drivers.ErrOffline}
		d := opened(f, Config{})
		for range 10 * 60 { // a master that asks each second for ten minutes
			if got := d.ask(here, 1, "03 0000 0001"); got != "83 0B" {
				t.Fatal(got)
			}
			time.Sleep(time.Second)
		}
		if most := 600/25 + 6; f.asked > most {
			t.Errorf("asked %d times, want at most %d: each costs the bus half a second", f.asked, most)
		}
		f.err = nil
		f.watch(modbus.Exchange{Unit: 1, Function: frame.ReadHolding, Request: []byte{0, 0, 0, 1}, Answer: []byte{0, 1}, At: time.Now()})
		if got := d.ask(here, 1, "03 0000 0001"); got[:5] != "03 02" {
			t.Errorf("the gateway has heard from it: %s", got)
		}
	})
}

// TestDamagedAnswerIsNoSilence: noise on the line must not have the next write
// refused.
func TestDamagedAnswerIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBus{err: modbus.ErrDamaged}
		d := opened(f, Config{})
		if got := d.ask(here, 1, "03 0000 0001"); got != "83 0B" {
			t.Error(got)
		}
		f.err = nil
		if got := d.ask(here, 1, "03 0000 0001"); got[:5] != "03 02" {
			t.Errorf("after it: %s", got)
		}
	})
}

func TestExceptionsSayWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			what string
			bus  fakeBus
			want string
		}{
			{"a bus that is gone", fakeBus{closed: true}, "83 0A"},
			{"a bus that is lost", fakeBus{err: fmt.Errorf("%w: EIO", drivers.ErrBus)}, "83 0A"},
			{"a unit that is silent", fakeBus{err: drivers.ErrOffline}, "83 0B"},
			{"a unit that declines", fakeBus{err: modbus.Exception(2)}, "83 02"},
			{"a unit that is busy", fakeBus{err: modbus.Exception(6)}, "83 06"},
			{"a bus that is not free in time", fakeBus{taken: 2 * time.Second}, "83 06"},
			{"anything else", fakeBus{err: errors.New("odd")}, "83 04"},
		} {
			if got := opened(&c.bus, Config{}).ask(here, 1, "03 0000 0001"); got != c.want {
				t.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
		}
	})
}

// serve runs a door on a free port.
func serve(t *testing.T, d *door) net.Addr {
	t.Helper()
	at, _ := serveAndHear(t, d)
	return at
}

// serveAndHear is serve that also gives what is logged from then on.
func serveAndHear(t *testing.T, d *door) (net.Addr, <-chan string) {
	t.Helper()
	d.Listen = "127.0.0.1:0"
	said := make(chan string, 8)
	d.log = slog.New(slog.NewTextHandler(lines(said), nil))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for line := range said {
		if _, at, ok := strings.Cut(strings.TrimSpace(line), "address="); ok {
			a, err := net.ResolveTCPAddr("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			return a, said
		}
	}
	return nil, nil
}

// lines hands on what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func exchange(conn net.Conn, adu string, answer int) (string, error) {
	b, _ := hex.DecodeString(strings.ReplaceAll(adu, " ", ""))
	if _, err := conn.Write(b); err != nil {
		return "", err
	}
	got := make([]byte, answer)
	_, err := io.ReadFull(conn, got)
	return fmt.Sprintf("% X", got), err
}

func TestClientsAreBoundedAndTheMostSilentMakesRoom(t *testing.T) {
	at := serve(t, opened(&fakeBus{}, Config{Clients: 2}))
	first, second := dial(t, at), dial(t, at)
	const question = "1234 0000 0006 01 03 0000 0001"
	for _, conn := range []net.Conn{second, first} {
		if got, err := exchange(conn, question, 11); err != nil || !strings.HasPrefix(got, "12 34 00 00 00 05 01 03 02") {
			t.Fatalf("%s, %v", got, err)
		}
	}
	third := dial(t, at)
	if _, err := exchange(third, question, 11); err != nil {
		t.Errorf("a third client: %v", err)
	}
	if _, err := exchange(first, question, 11); err != nil {
		t.Errorf("the client that asked last: %v", err)
	}
	if _, err := exchange(second, question, 11); err == nil {
		t.Error("three clients of two")
	}
}

func TestAStrangerIsToldOfOnce(t *testing.T) {
	d := opened(&fakeBus{}, Config{Allow: []Rule{{From: []Network{{netip.MustParsePrefix("10.0.0.1/32")}}}}})
	at, said := serveAndHear(t, d)
	for range 5 {
		if _, err := exchange(dial(t, at), "0001 0000 0006 01 03 0000 0001", 1); err == nil {
			t.Fatal("let in")
		}
	}
	if len(said) != 1 || !strings.Contains(<-said, "no rule lets this client in") {
		t.Errorf("something else is said, or %d times more", len(said))
	}
}

func TestRequestsInARowAreAnsweredInOrder(t *testing.T) {
	conn := dial(t, serve(t, opened(&fakeBus{}, Config{})))
	got, err := exchange(conn, "0001 0000 0006 01 03 0000 0001 0002 0000 0006 01 03 0000 0001", 22)
	if want := "00 01 00 00 00 05 01 03 02 00 01 00 02 00 00 00 05 01 03 02 00 02"; err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := exchange(conn, "0001 0001 0006 01 03 0000 0001", 1); err == nil {
		t.Error("a client that speaks something else is kept")
	}
}

func TestEarFindsRequestsInNoise(t *testing.T) {
	request := frame.Append(nil, 3, []byte{3, 0, 0, 0, 2})
	for _, c := range []struct {
		what   string
		pieces [][]byte
		want   bool
	}{
		{"whole", [][]byte{request}, true},
		{"in pieces", [][]byte{request[:1], request[1:5], request[5:]}, true},
		{"behind noise", [][]byte{{0xFF, 3, 16, 0}, request}, true},
		{"damaged", [][]byte{append(append([]byte{}, request[:7]...), request[7]^1)}, false},
		{"cut short by silence", [][]byte{request[:4], nil, request[4:]}, false},
		{"behind a lot of noise", [][]byte{make([]byte, 200), make([]byte, 200), make([]byte, 200), request}, true},
	} {
		e, now, heard := &ear{}, time.Now(), false
		for _, p := range c.pieces {
			if p == nil {
				now = now.Add(time.Second)
			}
			n := copy(e.room(), p)
			if unit, pdu, ok := e.hear(n, now); ok {
				heard = unit == 3 && len(pdu) == 5
			}
		}
		if heard != c.want {
			t.Errorf("a request %s: heard %v", c.what, heard)
		}
	}
}

func FuzzEar(f *testing.F) {
	f.Add(frame.Append([]byte{1, 16, 0}, 3, []byte{3, 0, 0, 0, 2}), 5)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		e, step := &ear{}, max(1, step%300)
		for len(b) > 0 {
			n := copy(e.room(), b[:min(step, len(b))])
			b = b[n:]
			if _, pdu, ok := e.hear(n, time.Unix(0, 0)); ok && len(pdu) == 0 {
				t.Error("a request of nothing")
			}
		}
	})
}
