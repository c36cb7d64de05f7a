// Soak lets hundreds of clients come and go, be killed, subscribe and publish
// at random, and compares what each gets with a model that knows what it must
// have got:
//
//	go run ./bench/soak -for 1m -clients 200
//	go run ./bench/soak -addr 127.0.0.1:1883
//
// QoS 0 comes at most once; QoS 1 at least once, and again only with DUP on
// another connection; QoS 2 exactly once; each in the order of its publisher.
// A session that lasts gets what was published while its client was away. A
// subscription brings the retained messages. A will comes when its client is
// cut off or taken over, and not after DISCONNECT. What follows from the seed
// is what each client does; how they meet is left to chance.
//
// It prints each difference with the history of that client and topic, and
// exits with status 1 if there is one.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
)

func main() {
	span := flag.Duration("for", time.Minute, "how long; the round that has begun is finished")
	clients := flag.Int("clients", 200, "number of clients")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of all decisions")
	addr := flag.String("addr", "", "`host:port` of a broker without limits on queues; empty: one in this process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("seed %d\n", *seed)
	s := &soak{addr: *addr, seed: *seed, clients: *clients, things: 50, out: os.Stdout}
	differences, err := s.against(ctx, *span)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || differences > 0 {
		os.Exit(1)
	}
}

// against runs the soak against its address, or a broker of its own.
func (s *soak) against(ctx context.Context, span time.Duration) (differences int, err error) {
	if s.addr != "" {
		return s.run(ctx, span)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	s.addr = ln.Addr().String()
	serving, stop := context.WithCancel(context.Background())
	server := broker.New(limits(), slog.New(slog.DiscardHandler))
	var group errgroup.Group
	group.Go(func() error { return server.Run(serving) })
	group.Go(func() error { return server.Serve(serving, ln, broker.ListenerOptions{Name: "soak", Anonymous: true}) })
	differences, err = s.run(ctx, span)
	stop()
	if served := group.Wait(); err == nil {
		err = served
	}
	return differences, err
}

// limits let no queue overflow: what is lost so is no difference.
func limits() broker.Config {
	cfg := broker.Defaults()
	cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxQueuedTotal = 1_000_000, 1<<30, 1<<31-1
	return cfg
}
