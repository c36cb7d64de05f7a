//go:build linux

package main

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
)

// serve runs a broker until the test ends.
func serve(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := broker.New(broker.Defaults(), slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	var group errgroup.Group
	group.Go(func() error { return s.Run(ctx) })
	group.Go(func() error { return s.Serve(ctx, l, broker.ListenerOptions{Anonymous: true}) })
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	return l.Addr().String()
}

func TestEveryDeliveryIsCounted(t *testing.T) {
	for _, rate := range []int{0, 5000} {
		for _, c := range cells(rate, true) {
			t.Run(c.String(), func(t *testing.T) {
				l, err := connect(serve(t), c)
				if err != nil {
					t.Fatal(err)
				}
				defer l.close()
				l.timing.Store(rate > 0)
				l.start(t.Context())
				for began := time.Now(); l.delivered() < 200; time.Sleep(time.Millisecond) {
					if time.Since(began) > patience {
						t.Fatalf("%d deliveries", l.delivered())
					}
				}
				lost, surplus, err := l.finish()
				if err != nil {
					t.Fatal(err)
				}
				// A subscriber that lags may lose messages of QoS 0.
				if surplus != 0 || lost != 0 && (c.qos > 0 || rate > 0) {
					t.Errorf("%d lost, %d twice", lost, surplus)
				}
				if n := int64(len(l.latencies())); rate > 0 && n != l.delivered() {
					t.Errorf("%d latencies of %d deliveries", n, l.delivered())
				}
			})
		}
	}
}

func TestWhatComesAgainOrTooLateIsSeen(t *testing.T) {
	for _, c := range []struct {
		it      string
		numbers []uint32
		surplus int64
	}{
		{"takes what comes in order", []uint32{0, 1, 2}, 0},
		{"leaves gaps to the count of all", []uint32{0, 3}, 0},
		{"counts a repeat", []uint32{0, 1, 1, 2}, 1},
		{"counts what comes too late", []uint32{0, 2, 1}, 1},
	} {
		s := &subscriber{load: &load{}, next: make([]uint32, 1)}
		for _, n := range c.numbers {
			s.note(stamp{number: n})
		}
		if got := s.surplus.Load(); got != c.surplus {
			t.Errorf("%s: got %d, want %d", c.it, got, c.surplus)
		}
	}
}
