package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestMain fails if a goroutine of this package is left when all tests are done.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(patience); goroutines() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s", stacks())
			os.Exit(1)
		}
	}
	os.Exit(code)
}

// goroutines is the number of those that run code of this package besides tests.
func goroutines() (n int) {
	for _, stack := range strings.Split(stacks(), "\n\n") {
		if strings.Contains(stack, "fieldmq/broker.(*") {
			n++
		}
	}
	return n
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// start runs a server with the limits of cfg on a loopback port until the test
// ends, and fails the test if it does not end then.
func start(t testing.TB, cfg Config) (s *Server, addr string) {
	t.Helper()
	cfg.SysInterval = 0 // what tests find is their own
	s = New(cfg, quiet())
	t.Cleanup(func() { checkHoard(t, s) })
	run(t, func(ctx context.Context) error { return s.Run(ctx) })
	return s, listen(t, s, ListenerOptions{Name: "test", Anonymous: true})
}

// checkHoard counts again what waits in all queues.
func checkHoard(t testing.TB, s *Server) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	want, counted := 0, map[*message]bool{}
	for _, held := range s.sessions {
		for i := range held.queue.len() {
			d := held.queue.at(i)
			want += placeCost
			if !d.replay && !counted[d.message] {
				counted[d.message] = true
				want += d.message.size()
			}
		}
	}
	if got := s.hoard.bytes.Load(); got != int64(want) {
		t.Errorf("%d bytes are counted in all queues, there are %d", got, want)
	}
}

// listen opens one more listener.
func listen(t testing.TB, s *Server, o ListenerOptions) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run(t, func(ctx context.Context) error {
		if o.Path != "" {
			return s.ServeWebSocket(ctx, l, o)
		}
		return s.Serve(ctx, l, o)
	})
	return l.Addr().String()
}

// run runs f until the test ends.
func run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("does not end")
		}
	})
}

// waitFor waits until something is so.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

// serve serves on a loopback port until stop is called.
func serve(t testing.TB, s *Server) (stop func(), addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, ListenerOptions{Name: "test", Anonymous: true}) }()
	stop = func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("does not end")
		}
	}
	return stop, l.Addr().String()
}

func equal(a, b mqtt.Message) bool { return reflect.DeepEqual(a, b) }
