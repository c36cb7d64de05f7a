package gpio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fieldmq/drivers"
)

// fake is a simulated chip with lines GPIO0 to GPIO7. Line 7 is in use.
type fake struct {
	mu     sync.Mutex
	levels [8]bool
	edges  map[int]string // of requested inputs
	asked  []string
	duties [2]float64
	mute   bool // takes requests and answers none
	conns  []net.Conn
}

func newFake() *fake { return &fake{edges: map[int]string{}} }

func (f *fake) serve(conn net.Conn) {
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for in.Scan() {
		if answer := f.answer(in.Text()); answer != "" {
			f.say(conn, answer)
		}
	}
}

func (f *fake) answer(request string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, request)
	if f.mute {
		return ""
	}
	if request == "info" {
		text := "chip fake chip 8\n"
		for i := range f.levels {
			text += fmt.Sprintf("line %d GPIO%d\n", i, i)
		}
		return text
	}
	if answer := f.answerPWM(request); answer != "" {
		return answer
	}
	var verb, a, b string
	var offset int
	fmt.Sscan(request, &verb, &offset, &a, &b)
	if offset >= 7 {
		return "error line 7 is in use\n"
	}
	switch verb {
	case "input":
		f.edges[offset] = b
	case "output":
		f.levels[offset] = a == "1"
	case "release":
		delete(f.edges, offset)
		return "ok 0\n"
	}
	return fmt.Sprintf("ok %d\n", bit(f.levels[offset]))
}

// answerPWM answers for the channels 0 and 1 of any PWM chip, empty for requests
// of lines.
func (f *fake) answerPWM(request string) string {
	var verb, chip, active string
	var channel int
	var x float64
	n, _ := fmt.Sscan(request, &verb, &chip, &channel, &x, &active)
	switch {
	case verb != "pwm" && verb != "duty":
		return ""
	case channel >= len(f.duties):
		return "error there is no such channel\n"
	case verb == "duty" && n == 4:
		f.duties[channel] = x
	}
	return fmt.Sprintf("ok %g\n", f.duties[channel])
}

// say writes without the lock, because a pipe blocks until it is read.
func (f *fake) say(conn net.Conn, text string) { io.WriteString(conn, text) }

// set changes the level of a line, as the world does, and tells of the edge.
func (f *fake) set(offset int, level bool) {
	f.mu.Lock()
	kind := falling
	if level {
		kind = rising
	}
	changed := f.levels[offset] != level
	f.levels[offset] = level
	wanted := f.edges[offset] == both || f.edges[offset] == kind
	var conn net.Conn
	if len(f.conns) > 0 {
		conn = f.conns[len(f.conns)-1]
	}
	f.mu.Unlock()
	if changed && wanted && conn != nil {
		f.say(conn, fmt.Sprintf("edge %d %s %d\n", offset, kind, time.Now().UnixNano()))
	}
}

// slip changes a line without an edge, as when an event was lost.
func (f *fake) slip(offset int, level bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.levels[offset] = level
}

func (f *fake) level(offset int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.levels[offset]
}

func (f *fake) unplug() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

// listen serves the fake at a socket until the test ends.
func (f *fake) listen(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chip")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			tasks.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		f.unplug()
		tasks.Wait()
	})
	return path
}

// openPipe opens a bus on the fake within a synctest bubble. The bus must be
// closed before the bubble ends.
func (f *fake) openPipe(t *testing.T, s *Settings) *bus {
	t.Helper()
	return newBus(f.connect(t), s, slog.New(slog.DiscardHandler))
}

// connect connects with the fake through a pipe.
func (f *fake) connect(t *testing.T) chip {
	t.Helper()
	near, far := net.Pipe()
	go f.serve(far)
	c, err := connect(context.Background(), near)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// point is a point at an address that a test changes.
func point(name string, set func(*Address)) *drivers.Point {
	a := (&Device{}).Address().(*Address)
	set(a)
	return &drivers.Point{Device: "board", Name: name, At: a}
}

func input(line string) *drivers.Point {
	return point(line, func(a *Address) { a.Line = line })
}

func output(line string) *drivers.Point {
	return point(line, func(a *Address) { a.Line = line; a.AllowWrite() })
}
