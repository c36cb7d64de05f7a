// Fuzz lets clients loose on a broker that say what no client should: sequences
// of packets that make sense, broken at random, over sockets and WebSockets.
//
//	go run ./bench/fuzz -for 30m
//	go run ./bench/fuzz -seed 7 -from 120000 -scripts 1000
//
// What a client says follows from the seed and its number; how clients meet is
// left to chance. The broker runs in this process, with a store, so that a panic
// ends it. It must end each connection whose client has hung up, answer nothing
// but packets, serve two bystanders all the time, stay small, leave no goroutine
// behind, and find in its store what it can go on with. It prints the numbers that
// it has come to, and exits with status 1 if one of these does not hold.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"time"
)

func main() {
	span := flag.Duration("for", time.Minute, "how long")
	scripts := flag.Uint64("scripts", math.MaxUint64, "how many clients at most")
	from := flag.Uint64("from", 0, "the number of the first one")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of all that clients say")
	clients := flag.Int("clients", 32, "how many are there at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("seed %d\n", *seed)
	r := &run{seed: *seed, next: *from, end: *from + min(*scripts, math.MaxUint64-*from), clients: *clients, out: os.Stdout, log: slog.New(slog.DiscardHandler)}
	if err := r.run(ctx, *span); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}
