package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// run is one run of clients against a broker.
type run struct {
	seed      uint64
	next, end uint64 // the numbers of the scripts
	clients   int
	out       io.Writer
	log       *slog.Logger

	house  *house
	played atomic.Uint64
}

// run lets clients loose until the time or the scripts are over, and then looks
// at what they have left.
func (r *run) run(ctx context.Context, span time.Duration) error {
	dir, err := os.MkdirTemp("", "fuzz-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is temporary
	before := runtime.NumGoroutine()
	if r.house, err = openHouse(dir, r.seed, r.log); err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- r.house.run(serving) }()
	err = r.visit(ctx, span)
	stop()
	select {
	case ended := <-served:
		if err == nil {
			err = ended
		}
	case <-time.After(patience):
		return fmt.Errorf("the broker does not end within %v\n%s", patience, stacks())
	}
	if err == nil {
		err = awaitGoroutines(before)
	}
	if err == nil {
		err = reopen(dir, r.seed, r.log)
	}
	return err
}

// visit plays scripts beside the bystanders.
func (r *run) visit(ctx context.Context, span time.Duration) error {
	group, ctx := errgroup.WithContext(ctx)
	playing, stop := context.WithTimeout(ctx, span)
	defer stop()
	var by bystanders
	if err := by.enter(r.house); err != nil {
		return err
	}
	visitors, _ := errgroup.WithContext(ctx)
	next := make(chan uint64)
	group.Go(func() error {
		defer close(next)
		return r.count(playing, next)
	})
	for range r.clients {
		visitors.Go(func() error {
			for n := range next {
				if err := r.play(n); err != nil {
					return fmt.Errorf("script %d: %w\n%s", n, err, stacks())
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer by.leave()
		return visitors.Wait()
	})
	by.stay(group)
	err := group.Wait()
	fmt.Fprintf(r.out, "%d scripts, %d packets received, %d sent, %d messages to the bystanders, the slowest in %v\n",
		r.played.Load(), r.house.server.Figures().Received.Packets.Load(), r.house.server.Figures().Sent.Packets.Load(),
		by.messages.Load(), by.slowest.Round(time.Millisecond))
	return err
}

// count hands numbers out, and looks at the memory between.
func (r *run) count(ctx context.Context, next chan<- uint64) error {
	look := time.NewTicker(10 * time.Second)
	defer look.Stop()
	for n := r.next; n < r.end; {
		select {
		case <-ctx.Done():
			return nil
		case next <- n:
			n++
		case <-look.C:
			size, err := heap()
			fmt.Fprintf(r.out, "at script %d: %d MiB, %d goroutines\n", n, size>>20, runtime.NumGoroutine())
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// play plays the script of a number.
func (r *run) play(n uint64) error {
	s := newScript(r.seed, n)
	at := r.house.stream(n)
	if s.web {
		at = r.house.web.Addr()
	}
	conn, err := net.DialTimeout(at.Network(), at.String(), patience)
	if err != nil {
		return err
	}
	r.played.Add(1)
	return s.play(conn)
}

// mostHeap is how many bytes may be in use: all that the limits let clients have.
const mostHeap = 256 << 20

func heap() (uint64, error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > mostHeap {
		return m.HeapAlloc, fmt.Errorf("%d bytes are in use, more than %d", m.HeapAlloc, mostHeap)
	}
	return m.HeapAlloc, nil
}

// awaitGoroutines waits until there are as many as before.
func awaitGoroutines(before int) error {
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d goroutines are left\n%s", runtime.NumGoroutine()-before, stacks())
		}
	}
	return nil
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// socket is where the broker listens on a unix socket.
func socket(dir string) string { return filepath.Join(dir, "mqtt.sock") }
