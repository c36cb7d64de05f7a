package modbus

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

func TestFramesAreApart(t *testing.T) {
	for name, tt := range map[string]struct {
		baud  int
		pause time.Duration
		want  time.Duration
	}{
		"keeps 3.5 characters":             {9600, 0, 3645831 * time.Nanosecond},
		"keeps a fixed time on fast lines": {115200, 0, 1750 * time.Microsecond},
		"keeps the pause of slow devices":  {115200, 20 * time.Millisecond, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at9600()
				s.Baud = tt.baud
				s.Pause.UnmarshalText([]byte(tt.pause.String()))
				bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
				p := point(unitOf(s, 1), "p", holding(1, Uint16))
				w.busy = time.Now() // by others, for all we know
				for range 5 {
					readOne(t, bus, p)
				}
				time.Sleep(time.Minute)
				began := time.Now()
				readOne(t, bus, p)
				if took, most := time.Since(began), 17*w.char+turnaround; took > most {
					t.Errorf("a line that was quiet was waited for: %v, want %v", took, most)
				}
				w.gaps = w.gaps[:5]
				for _, gap := range w.gaps {
					if gap < tt.want || gap > tt.want+time.Millisecond {
						t.Errorf("silence of %v, want %v", gap, tt.want)
					}
				}
			})
		})
	}
}

func TestConverterGetsTimeToTurnToAnotherUnit(t *testing.T) {
	const between = 30 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		s.UnitPause = configs.Duration(between)
		bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
		first, second := point(unitOf(s, 1), "p", holding(1, Uint16)), point(unitOf(s, 2), "p", holding(1, Uint16))
		w.busy = time.Now()
		for _, p := range []*drivers.Point{first, first, second, second, first} {
			if got := readOne(t, bus, p); got.Value != right(p) {
				t.Fatalf("got %v, %v", got.Value, got.Err)
			}
		}
		for i, change := range []bool{true, false, true, false, true} {
			least, most := between, between+time.Millisecond
			if !change {
				least, most = betweenFrames(s.Char(), s.Baud), between/2
			}
			if gap := w.gaps[i]; gap < least || gap > most {
				t.Errorf("request %d came after %v, want %v", i, gap, least)
			}
		}
	})
}

func TestTurnaroundShapesRequestsUntilItIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		s.Turnaround = configs.Duration(100 * time.Millisecond)
		bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
		points := holdings(unitOf(s, 1), 0, 40) // apart, for a device that answers soon
		for i, want := range []int{1, 2} {
			w.sent = nil
			if got := errorsOf(t, bus, points); got != "-, -" {
				t.Fatal(got)
			}
			if len(w.sent) != want {
				t.Errorf("read %d took %d requests, want %d", i, len(w.sent), want)
			}
		}
	})
}

func TestUnitPauseIsKeptOnTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conversation{tcp: &tcp{}}
		c.asked, c.askedAt = 1, time.Now()
		to := target{unit: 1, pause: 10 * time.Millisecond, unitPause: 30 * time.Millisecond}
		if got := c.rest(&to); got != 10*time.Millisecond {
			t.Errorf("the same unit rests for %v", got)
		}
		to.unit = 2
		if got := c.rest(&to); got != 30*time.Millisecond {
			t.Errorf("another unit rests for %v", got)
		}
		time.Sleep(25 * time.Millisecond)
		if got := c.rest(&to); got != 5*time.Millisecond {
			t.Errorf("after 25ms it rests for %v more", got)
		}
	})
}

// callee is a peer in a synctest bubble that answers each request at once, and
// notes when that came: so long after its connection was made, or after the
// request before.
type callee struct {
	read   func(net.Conn) ([]byte, error) // a request
	answer func(request []byte) []byte

	tasks   sync.WaitGroup
	redials bool // it has made another connection
	gaps    []time.Duration
}

func (c *callee) connect(context.Context) (net.Conn, error) {
	here, there := newTube()
	c.redials = false
	before := time.Now()
	c.tasks.Go(func() {
		for {
			request, err := c.read(there)
			if err != nil {
				return
			}
			c.gaps = append(c.gaps, time.Since(before))
			before = time.Now()
			there.Write(c.answer(request))
		}
	})
	return here, nil
}

func (c *callee) newer() bool  { return c.redials }
func (*callee) String() string { return "callee" }
func (c *callee) Close() error { c.tasks.Wait(); return nil }

func TestPausesAreKeptOnTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 20 * time.Millisecond
		c := &callee{read: next, answer: reply}
		bus, d := ending(t, newTCP(c, 4)), quick(newTCPSettings())
		d.InFlight, d.Pause = 4, configs.Duration(pause)
		checkRight(t, bus, far(d, 4))
		if want := []time.Duration{0, pause, pause, pause}; !slices.Equal(c.gaps, want) {
			t.Errorf("requests came after %v, want %v", c.gaps, want)
		}
	})
}

func TestNewConnectionIsLeftAloneForAWhile(t *testing.T) {
	const pause = 1500 * time.Millisecond
	numbered := func() (*callee, link) {
		c := &callee{read: next, answer: reply}
		l := newTCP(c, 1)
		l.pause = pause
		return c, l
	}
	framed := func() (*callee, link) {
		c := &callee{answer: simulated, read: func(conn net.Conn) ([]byte, error) {
			request := make([]byte, 8)
			_, err := io.ReadFull(conn, request)
			return request, err
		}}
		line := Line{Baud: 115200}
		l := newStream(&netLine{peer: c}, rtuFraming{}, line.tempo())
		l.pause = pause
		return c, l
	}
	for name, open := range map[string]func() (*callee, link){"tcp": numbered, "rtu-tcp": framed} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, l := open()
				bus, p := ending(t, l), point(quick(newTCPSettings()), "p", holding(1, Uint16))
				for i, redials := range []bool{true, false, true, false} {
					c.redials = redials
					if got := readOne(t, bus, p); got.Value != right(p) {
						t.Fatalf("got %v, %v", got.Value, got.Err)
					}
					gap := c.gaps[i]
					if redials && (gap < pause || gap > pause+10*time.Millisecond) {
						t.Errorf("a new connection is left alone for %v, want %v", gap, pause)
					}
					if !redials && gap > 10*time.Millisecond {
						t.Errorf("the same connection is left alone for %v", gap)
					}
				}
			})
		})
	}
}

func TestOpenedPortIsLeftAloneForAWhile(t *testing.T) {
	const pause = 1500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		s.ConnectPause = configs.Duration(pause)
		bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
		p := point(unitOf(s, 1), "p", holding(1, Uint16))
		w.busy = time.Now()
		time.AfterFunc(pause/2, func() { w.receive('h', 'i') }) // what it says when it wakes up is no answer
		began := time.Now()
		if got := readOne(t, bus, p); got.Value != right(p) {
			t.Fatalf("got %v, %v", got.Value, got.Err)
		}
		if took := time.Since(began); took < pause || took > pause+50*time.Millisecond {
			t.Errorf("the first answer came after %v, want %v", took, pause)
		}
		readOne(t, bus, p)
		if gap := w.gaps[1]; gap > 10*time.Millisecond {
			t.Errorf("a port that is open is left alone for %v", gap)
		}
	})
}

func TestPauseOfANewConnectionIsCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTCP(&callee{read: next, answer: reply}, 1)
		l.pause = time.Minute
		bus := ending(t, l)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := bus.Read(ctx, far(quick(newTCPSettings()), 1))
		if err == nil || time.Since(began) > 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestEveryConnectionHasItsPause(t *testing.T) {
	const pause = configs.Duration(1500 * time.Millisecond)
	tcp, secure, framed := newTCPSettings(), newTLSSettings(), newStreamSettings(rtuFraming{})
	tcp.ConnectPause, secure.ConnectPause, framed.ConnectPause = pause, pause, pause
	tcp.Listen, secure.Listen, framed.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	for name, s := range map[string]drivers.Settings{"tcp": tcp, "tls": secure, "rtu-tcp": framed} {
		bus, err := s.Open(t.Context(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		if got := pauseOf(bus.(*Bus).link); got != pause.D() {
			t.Errorf("%s: %v", name, got)
		}
		bus.Close()
	}
	serial, ascii := newRTUSettings(), newASCIISettings()
	serial.ConnectPause, ascii.ConnectPause = pause, pause
	for name, l := range map[string]link{"rtu": newRTU(nil, serial), "ascii": newASCII(nil, ascii)} {
		if got := pauseOf(l); got != pause.D() {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func pauseOf(l link) time.Duration {
	if t, ok := l.(*tcp); ok {
		return t.pause
	}
	return l.(*stream).pause
}
