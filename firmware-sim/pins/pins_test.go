package pins

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/firmware-sim/faults"
)

// board is a chip with its wiring at work in a bubble of its own time.
type board struct {
	t      *testing.T
	chip   *Chip
	faults *faults.Board
	ctx    context.Context
	ended  chan struct{}
	open   int
}

func onChip(t *testing.T, f func(b *board)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &board{t: t, faults: faults.NewBoard(1), ended: make(chan struct{})}
		source := b.faults.Add("pins", "gpio", faults.Silence, faults.Noise)
		chip, err := New(Config{Label: "fieldmq-sim", Lines: Header(), Faults: source})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		b.chip, b.ctx, b.open = chip, ctx, 1
		go func() { chip.run(ctx); b.ended <- struct{}{} }()
		f(b)
		cancel()
		for range b.open {
			<-b.ended
		}
	})
}

// user is a client of the chip. Edges that come between answers are kept.
type user struct {
	t     *testing.T
	conn  net.Conn
	lines chan string
	edges []string
}

func (b *board) connect() *user {
	ours, theirs := net.Pipe()
	u := &user{t: b.t, conn: ours, lines: make(chan string, 10000)}
	b.open += 2
	go func() { b.chip.serveConn(b.ctx, theirs); b.ended <- struct{}{} }()
	go func() {
		defer func() { b.ended <- struct{}{} }()
		defer close(u.lines)
		for in := bufio.NewScanner(ours); in.Scan(); {
			u.lines <- in.Text()
		}
	}()
	return u
}

// ask sends a request and returns its answer, empty if there is none.
func (u *user) ask(request string) string {
	u.t.Helper()
	io.WriteString(u.conn, request+"\n")
	synctest.Wait()
	answer := ""
	for _, line := range u.fetch() {
		if strings.HasPrefix(line, "edge ") {
			u.edges = append(u.edges, line)
			continue
		}
		answer += line + "\n"
	}
	return strings.TrimSuffix(answer, "\n")
}

func (u *user) fetch() []string {
	var all []string
	for {
		select {
		case line, more := <-u.lines:
			if !more {
				return all
			}
			all = append(all, line)
		default:
			return all
		}
	}
}

// edgesAfter returns the edges of the next span of time.
func (u *user) edgesAfter(d time.Duration) []string {
	time.Sleep(d)
	synctest.Wait()
	edges := append(u.edges, u.fetch()...)
	u.edges = nil
	return edges
}

func (u *user) expect(pairs ...string) {
	u.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := u.ask(pairs[i]); got != pairs[i+1] {
			u.t.Errorf("%s: %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

func TestInfoNamesEveryLine(t *testing.T) {
	onChip(t, func(b *board) {
		var want strings.Builder
		want.WriteString("chip fieldmq-sim 28")
		for i := range 28 {
			fmt.Fprintf(&want, "\nline %d GPIO%d", i, i)
		}
		b.connect().expect("info", want.String())
	})
}

func TestRequestsAreAnsweredAsThePackageSays(t *testing.T) {
	onChip(t, func(b *board) {
		b.connect().expect(
			"input 3 pull-up none", "ok 1",
			"input 3 pull-down none", "ok 0",
			"input 3 disabled none", "ok 0",
			"input 3 as-is both", "ok 0",
			"get 3", "ok 0",
			"output 22 1", "ok 1",
			"get 22", "ok 1",
			"input 5 as-is none", "ok 1",
			"output 22 0", "ok 0",
			"get 5", "ok 0",
			"release 22", "ok 0",
			"", "error "+errRequest.Error(),
			"hello", "error "+errRequest.Error(),
			"output 22", "error "+errRequest.Error(),
			"get 28", `error there is no line "28"`,
			"get -1", `error there is no line "-1"`,
			"output 22 2", "error a level is 0 or 1",
			"input 3 up none", "error a bias is as-is, disabled, pull-up, pull-down",
			"input 3 pull-up all", "error an edge is none, rising, falling, both",
		)
	})
}

func TestLineBelongsToWhoAskedFirst(t *testing.T) {
	onChip(t, func(b *board) {
		one, two := b.connect(), b.connect()
		one.expect("output 22 1", "ok 1", "input 3 pull-up both", "ok 1")
		const busy = "error line 22 is in use"
		two.expect("output 22 0", busy, "input 22 as-is none", busy, "get 22", busy, "release 22", busy)
		one.expect("release 22", "ok 0")
		two.expect("get 22", "ok 1", "output 22 0", "ok 0")
		one.expect("output 22 1", busy)
	})
}

func TestHangingUpReleasesLinesAndKeepsOutputs(t *testing.T) {
	onChip(t, func(b *board) {
		one, two := b.connect(), b.connect()
		one.expect("output 22 1", "ok 1", "input 17 pull-up both", "ok 0")
		one.conn.Close()
		synctest.Wait()
		two.expect("get 22", "ok 1", "input 17 pull-up none", "ok 0")
	})
}

func TestDoorOpensAndClosesWithItsEdges(t *testing.T) {
	onChip(t, func(b *board) {
		u := b.connect()
		u.expect("input 17 pull-up both", "ok 0")
		start := time.Now()
		var want []string
		for i, edge := range []string{"rising", "falling", "rising"} {
			at := start.Add(time.Duration(i+1) * 4 * time.Second)
			want = append(want, fmt.Sprintf("edge 17 %s %d", edge, at.UnixNano()))
		}
		if got := u.edgesAfter(13 * time.Second); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q, want %q", got, want)
		}
		u.expect("get 17", "ok 1")
	})
}

func TestDoorNeedsAPullUp(t *testing.T) {
	onChip(t, func(b *board) {
		u := b.connect()
		u.expect("input 17 pull-down both", "ok 0")
		if got := u.edgesAfter(30 * time.Second); got != nil {
			t.Errorf("%q", got)
		}
	})
}

func TestOnlyEdgesThatWereAskedForAreSent(t *testing.T) {
	for _, k := range []struct {
		edge string
		want int
	}{{"none", 0}, {"rising", 10}, {"falling", 10}, {"both", 20}} {
		onChip(t, func(b *board) {
			u := b.connect()
			u.ask("input 27 as-is " + k.edge)
			if got := u.edgesAfter(3100 * time.Millisecond); len(got) != k.want {
				t.Errorf("%s: %d edges in 3 s, want %d", k.edge, len(got), k.want)
			}
		})
	}
}

func TestLoopBackGivesEdges(t *testing.T) {
	onChip(t, func(b *board) {
		u := b.connect()
		u.expect("input 5 as-is both", "ok 0", "output 22 1", "ok 1", "output 22 0", "ok 0", "output 22 0", "ok 0")
		now := time.Now().UnixNano()
		want := fmt.Sprintf("edge 5 rising %d|edge 5 falling %d", now, now)
		if got := strings.Join(u.edgesAfter(0), "|"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestBadContactBounces(t *testing.T) {
	onChip(t, func(b *board) {
		if err := b.faults.Apply("pins noise"); err != nil {
			t.Fatal(err)
		}
		u := b.connect()
		u.ask("input 17 pull-up both")
		if got := u.edgesAfter(5 * time.Second); len(got) != 1+2*bounces {
			t.Errorf("%d edges: %q", len(got), got)
		}
		u.expect("get 17", "ok 1")
	})
}

func TestSilentChipSaysNothing(t *testing.T) {
	onChip(t, func(b *board) {
		u := b.connect()
		u.expect("input 27 as-is both", "ok 0")
		if err := b.faults.Apply("pins silence"); err != nil {
			t.Fatal(err)
		}
		u.expect("get 27", "")
		if got := u.edgesAfter(3 * time.Second); got != nil {
			t.Errorf("%q", got)
		}
	})
}

func TestHandOnTheLineIsSeen(t *testing.T) {
	onChip(t, func(b *board) {
		u := b.connect()
		u.expect("input 4 pull-up falling", "ok 1")
		if err := b.chip.Drive("GPIO4", false); err != nil {
			t.Fatal(err)
		}
		if got := u.edgesAfter(0); len(got) != 1 {
			t.Errorf("%q", got)
		}
		if level, err := b.chip.Level("GPIO4"); level || err != nil {
			t.Errorf("%v, %v", level, err)
		}
		if err := b.chip.Drive("GPIO99", true); err == nil {
			t.Error("a line that there is not was driven")
		}
	})
}

func TestClientThatDoesNotReadIsHungUpOn(t *testing.T) {
	onChip(t, func(b *board) {
		ours, theirs := net.Pipe()
		b.open++
		go func() { b.chip.serveConn(b.ctx, theirs); b.ended <- struct{}{} }()
		var err error
		for i := 0; i < 10*maxQueue && err == nil; i++ {
			_, err = io.WriteString(ours, "get 1\n")
		}
		if err == nil {
			t.Error("answers are kept for ever")
		}
	})
}

func TestEdgesNobodyFetchesAreLost(t *testing.T) {
	onChip(t, func(b *board) {
		ours, theirs := net.Pipe()
		b.open++
		go func() { b.chip.serveConn(b.ctx, theirs); b.ended <- struct{}{} }()
		io.WriteString(ours, "input 27 as-is both\n")
		time.Sleep(time.Hour)
		synctest.Wait()
		io.WriteString(ours, "get 27\n")
		in := bufio.NewScanner(ours)
		edges, answers := 0, 0
		for answers < 2 && in.Scan() {
			if strings.HasPrefix(in.Text(), "ok") {
				answers++
			} else {
				edges++
			}
		}
		if answers < 2 || edges > maxQueue/2+1 {
			t.Errorf("%d answers after %d edges", answers, edges)
		}
		ours.Close()
	})
}

func TestImpossibleChipsAreRefused(t *testing.T) {
	for _, lines := range [][]Line{
		{{}},
		{{Name: "a"}, {Name: "a"}},
		{{Name: "a", Wiring: Contact}},
		{{Name: "a", Wiring: Loop, To: "b"}},
		{{Name: "a", Wiring: Loop, To: "b"}, {Name: "b", Wiring: Loop, To: "a"}},
	} {
		if _, err := New(Config{Lines: lines}); err == nil {
			t.Errorf("%v passes", lines)
		}
	}
}

func TestChipServesASocketAndLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	chip, err := New(Config{Label: "x", Lines: Header()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- chip.Serve(ctx, l) }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "output 22 1\n")
	if got, _ := bufio.NewReader(conn).ReadString('\n'); got != "ok 1\n" {
		t.Errorf("%q", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the socket is still there")
	}
}

func FuzzRequest(f *testing.F) {
	for _, text := range []string{
		"info", "input 17 pull-up both", "output 22 1", "get 5", "release 22", "get 99999999999999999999", "input 5",
		"output 22 1\ninput 5 as-is both\noutput 22 0",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		chip, err := New(Config{Label: "x", Lines: Header()})
		if err != nil {
			t.Fatal(err)
		}
		who := &client{queue: make(chan string, maxQueue), hangUp: func() {}}
		other := &client{queue: make(chan string, maxQueue), hangUp: func() {}}
		for i, line := range strings.Split(text, "\n") {
			if i == 100 {
				break
			}
			chip.handle([]*client{who, other}[i%2], line)
		}
		chip.releaseAll(who)
		chip.releaseAll(other)
		close(who.queue)
		for answer := range who.queue {
			if !strings.HasSuffix(answer, "\n") || strings.Count(answer, "\n") > 1 && !strings.HasPrefix(answer, "chip ") {
				t.Fatalf("%q is answered by %q", text, answer)
			}
		}
		for i := range chip.lines {
			if chip.lines[i].holder != nil {
				t.Fatalf("line %d is still held", i)
			}
		}
	})
}

func TestPWMOutputsKeepTheirDuty(t *testing.T) {
	onChip(t, func(b *board) {
		first := b.connect()
		first.expect(
			"duty pwmchip0 1", "error pwmchip0 1 does not swing yet",
			"pwm pwmchip0 1 40000 high", "ok 0",
			"duty pwmchip0 1 33.3", "ok 33.3",
			"duty pwmchip0 1 101", "error a duty is 0 to 100 percent",
			"duty pwmchip0 1 NaN", "error a duty is 0 to 100 percent",
			"pwm pwmchip0 1 0 high", "error a period is a number of nanoseconds",
			"pwm pwmchip0 1 40000 up", "error "+errRequest.Error(),
			"duty pwmchip0", "error "+errRequest.Error(),
			"pwm pwmchip0 0 40000 low", "ok 0",
		)
		b.connect().expect("pwm pwmchip0 1 1000000 low", "ok 33.3", "duty pwmchip0 1", "ok 33.3")
		for i := range maxOutputs - 2 {
			first.expect(fmt.Sprintf("pwm other %d 1 high", i), "ok 0")
		}
		first.expect("pwm one more 1 high", fmt.Sprintf("error %d PWM outputs swing already", maxOutputs))
	})
}
