package serial

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/driverstest"
)

// device is a scripted device at the far end of a pseudo terminal. It answers
// requests that end with CR.
type device struct {
	far    *os.File
	port   string
	script func(request string) string

	mu    sync.Mutex
	asked []string
}

func newDevice(t *testing.T, script func(request string) string) *device {
	t.Helper()
	blocking, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer blocking.Close()
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that Close ends a read
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(fd), "far end")
	d := &device{far: far, port: near.Name(), script: script}
	var tasks sync.WaitGroup
	tasks.Go(d.serve)
	t.Cleanup(func() { far.Close(); near.Close(); tasks.Wait() })
	return d
}

func (d *device) serve() {
	var request []byte
	b := make([]byte, 1)
	for {
		if _, err := io.ReadFull(d.far, b); err != nil {
			return
		}
		if request = append(request, b[0]); b[0] != '\r' {
			continue
		}
		d.mu.Lock()
		d.asked = append(d.asked, string(request))
		d.mu.Unlock()
		d.say(d.script(string(request)))
		request = nil
	}
}

func (d *device) say(text string) { io.WriteString(d.far, text) }

func (d *device) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

// settings opens the device's line.
func (d *device) settings(set ...func(*Settings)) *Settings {
	s := Driver.New().(*Settings)
	s.Port = d.port
	for _, f := range set {
		f(s)
	}
	return s
}

func hasty(s *Settings) { s.Timeout = configs.Duration(500 * time.Millisecond) }

// open opens a bus until the end of the test.
func open(t *testing.T, s *Settings) *bus {
	t.Helper()
	b, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b.(*bus)
}

// point is a point of a device with the settings' defaults.
func point(s *Settings, name, request string, set func(*Address)) *drivers.Point {
	d := s.Device().(*Device)
	d.Request = Bytes(request)
	a := d.Address().(*Address)
	set(a)
	return &drivers.Point{Device: "dev", Name: name, At: a}
}

func match(expression string) func(*Address) {
	return func(a *Address) { a.Match = expression }
}

func read(t *testing.T, b *bus, points ...*drivers.Point) []drivers.Sample {
	t.Helper()
	samples, err := b.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

func TestDriver(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Bench {
		setpoint := "20.0"
		d := newDevice(t, func(request string) string {
			switch {
			case request == "W\r":
				return "T=21.5 H=40\r\nP=on\r\n"
			case strings.HasPrefix(request, "SP "):
				setpoint = strings.TrimSpace(request[3:])
				return "OK\r\n"
			case request == "SP?\r":
				return "SP=" + setpoint + "\r\n"
			case strings.HasPrefix(request, "LED "):
				return "ERROR 7\r\n"
			}
			return ""
		})
		s := d.settings(hasty)
		patient := d.settings(func(s *Settings) { s.Timeout = configs.Duration(time.Minute) })
		target := point(s, "setpoint", "SP?\r", func(a *Address) {
			a.Match, a.Command, a.Expect = `SP=(\S+)`, Bytes("SP {%.1f}\r"), "^OK"
		})
		lamp := point(s, "lamp", "W\r", func(a *Address) {
			a.Match, a.Type, a.Command, a.Expect = `P=(\w+)`, "bool", Bytes("LED {}\r"), "^OK"
		})
		return driverstest.Bench{
			Settings: s,
			Points: []*drivers.Point{
				point(s, "temperature", "W\r", match(`T=(\S+)`)),
				point(s, "setpoint", "SP?\r", match(`SP=(\S+)`)),
				point(s, "humidity", "W\r", match(`H=(\S+)`)),
				point(s, "power", "W\r", func(a *Address) { a.Match, a.Type = `P=(\w+)`, "bool" }),
			},
			Values:     []drivers.Value{drivers.Float(21.5), drivers.Float(20), drivers.Float(40), drivers.Bool(true)},
			Silent:     []*drivers.Point{point(s, "a", "X\r", match(`(.*)`)), point(s, "b", "Y\r", match(`(.*)`))},
			Waiting:    []*drivers.Point{point(patient, "c", "Z\r", match(`(.*)`))},
			Commands:   []drivers.Command{{Point: target, Value: drivers.Float(55.5)}},
			Impossible: []drivers.Command{{Point: lamp, Value: drivers.Bool(true)}},
			Unplug:     func() { d.far.Close() },
		}
	})
}

func TestOneRequestServesAllItsPoints(t *testing.T) {
	d := newDevice(t, func(string) string { return "T=1 H=2\n" })
	s := d.settings()
	b := open(t, s)
	samples := read(t, b, point(s, "t", "R\r", match(`T=(\d)`)), point(s, "h", "R\r", match(`H=(\d)`)))
	if samples[0].Value != drivers.Float(1) || samples[1].Value != drivers.Float(2) || !samples[0].Time.Equal(samples[1].Time) {
		t.Errorf("got %v", samples)
	}
	if got := d.requests(); len(got) != 1 {
		t.Errorf("asked %q", got)
	}
}

func TestFieldThatIsMissingKeepsItsNeighbours(t *testing.T) {
	d := newDevice(t, func(string) string { return "T=1\n" })
	s := d.settings(func(s *Settings) { s.Timeout = configs.Duration(time.Minute) })
	samples := read(t, open(t, s), point(s, "t", "R\r", match(`T=(\d)`)), point(s, "h", "R\r", match(`H=(\d)`)))
	if samples[0].Err != nil || !errors.Is(samples[1].Err, errMissing) || errors.Is(samples[1].Err, drivers.ErrOffline) {
		t.Errorf("got %v and %v", samples[0].Err, samples[1].Err)
	}
}

func TestEchoIsNotTheAnswer(t *testing.T) {
	d := newDevice(t, func(request string) string { return request + "\n" + "5\r\n" })
	s := d.settings()
	samples := read(t, open(t, s), point(s, "v", "VALUE 1\r", match(`^\d$`)))
	if samples[0].Value != drivers.Float(5) {
		t.Errorf("got %v", samples)
	}
}

func TestOfflineSaysWhatWasOnTheLine(t *testing.T) {
	sum := func(s *Settings) { s.Frame.Checksum = &Checksum{Type: "sum8"} }
	tests := map[string]struct {
		said string
		set  func(*Settings)
		want string
	}{
		"nothing":          {"", hasty, "no answer"},
		"garbage":          {"\x80\x80\x80", func(s *Settings) { s.Frame = Frame{Start: Hex{2}, End: Hex{3}} }, "no answer, but bytes that make no frame"},
		"no delimiter":     {"T=1\r", hasty, "no answer, but bytes that make no frame"},
		"wrong checksums":  {"T=1x\n", sum, "no answer, but frames with a wrong checksum"},
		"frames of others": {"H=1\n", hasty, "no answer, but frames that do not match"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, func(string) string { return tt.said })
			s := d.settings(hasty, tt.set)
			err := read(t, open(t, s), point(s, "t", "R\r", match(`T=(\d)`)))[0].Err
			if !errors.Is(err, drivers.ErrOffline) || err.Error() != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAfterSilenceNothingMoreIsAsked(t *testing.T) {
	d := newDevice(t, func(string) string { return "" })
	s := d.settings(hasty)
	read(t, open(t, s), point(s, "a", "A\r", match(`(.)`)), point(s, "b", "B\r", match(`(.)`)))
	if got := d.requests(); len(got) != 1 {
		t.Errorf("asked %q", got)
	}
}

func TestLateAnswerIsNotThatToTheNextRequest(t *testing.T) {
	answers := make(chan string, 2)
	d := newDevice(t, func(request string) string {
		answers <- request
		return ""
	})
	go func() {
		<-answers
		time.Sleep(600 * time.Millisecond) // after the time-out
		d.say("1\n")
		<-answers
		time.Sleep(200 * time.Millisecond)
		d.say("2\n")
	}()
	s := d.settings(hasty)
	b := open(t, s)
	if err := read(t, b, point(s, "a", "A\r", match(`(\d)`)))[0].Err; !errors.Is(err, drivers.ErrOffline) {
		t.Errorf("a late answer is one: %v", err)
	}
	if got := read(t, b, point(s, "b", "B\r", match(`(\d)`)))[0]; got.Value != drivers.Float(2) {
		t.Errorf("got %v, %v", got.Value, got.Err)
	}
}

func TestBinaryDeviceAnswers(t *testing.T) {
	d := newDevice(t, func(string) string { return "noise\x02\x10\x00\x64\x76" })
	s := d.settings(func(s *Settings) {
		s.Frame = Frame{Length: 5, Start: Hex{2}, Checksum: &Checksum{Type: "sum8"}}
	})
	at := 2
	samples := read(t, open(t, s), point(s, "v", "\x05\r", func(a *Address) { a.At, a.Type, a.Starts = &at, "uint16", Hex{2, 0x10} }))
	if samples[0].Value != drivers.Int(100) {
		t.Errorf("got %v", samples)
	}
}

func TestWriteTellsWhatTheDeviceSaid(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   error
		text   string
	}{
		"agrees":  {"OK\n", nil, ""},
		"refuses": {"ERR 5\n", drivers.ErrRefused, `write dev/v: refused: the answer is "ERR 5"`},
		"is mute": {"", drivers.ErrUnsure, "write dev/v: no answer: " + drivers.ErrUnsure.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, func(string) string { return tt.answer })
			s := d.settings(hasty)
			p := point(s, "v", "R\r", func(a *Address) { a.Match, a.Command, a.Expect = `(\d)`, Bytes("V {}\r"), "^OK" })
			err := open(t, s).Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Float(1.5)}})
			if !errors.Is(err, tt.want) || err != nil && err.Error() != tt.text {
				t.Errorf("got %v", err)
			}
			if got := d.requests(); len(got) != 1 || got[0] != "V 1.5\r" {
				t.Errorf("sent %q", got)
			}
		})
	}
}

func TestWriteWithoutExpectWaitsForNothing(t *testing.T) {
	d := newDevice(t, func(string) string { return "" })
	s := d.settings(func(s *Settings) { s.Timeout = configs.Duration(time.Minute) })
	p := point(s, "v", "R\r", func(a *Address) { a.Match, a.Command = `(\d)`, Bytes("ZERO\r") })
	if err := open(t, s).Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(d.requests()) == 1 })
}

func TestPauseIsKept(t *testing.T) {
	d := newDevice(t, func(string) string { return "1\n" })
	s := d.settings(func(s *Settings) { s.Pause = configs.Duration(60 * time.Millisecond) })
	b := open(t, s)
	p := point(s, "v", "R\r", match(`(\d)`))
	begun := time.Now()
	for range 3 {
		read(t, b, p)
	}
	if took := time.Since(begun); took < 120*time.Millisecond {
		t.Errorf("three requests took %v", took)
	}
}
