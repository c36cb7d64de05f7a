//go:build linux

// Broker measures what a message costs fieldmq's broker, and what it costs
// mosquitto: both in the same run, in turns, each alone on one core while the
// clients have the other.
//
//	go run ./bench/broker            all cells, some ten minutes
//	go run ./bench/broker -quick     256 bytes only, less than two minutes
//	go run ./bench/broker -cells 'rate-.*-q1' -rounds 3
//
// A cell is one kind of load: as fast as it goes (sat) or a fixed number of
// deliveries a second (rate); 50 publishers to one subscriber (fanin), one to
// 50 (fanout) or 20 pairs; a quality of service; a payload in bytes. What
// counts are deliveries, and each is checked: a message that is lost or comes
// twice shows in the table. The program asserts nothing: machines differ.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// options are what the command line says.
type options struct {
	fieldmq, mosquitto string
	cells              *regexp.Regexp
	span, warm         time.Duration
	rounds, rate, idle int
	quick              bool
}

func main() {
	o := options{warm: 500 * time.Millisecond}
	flag.StringVar(&o.fieldmq, "fieldmq", "", "the fieldmq `binary`; built if empty")
	flag.StringVar(&o.mosquitto, "mosquitto", "/usr/sbin/mosquitto", "the mosquitto `binary`")
	cells := flag.String("cells", "", "measure only cells that match this `expression`, such as sat-fanin-q1-256 or idle")
	flag.DurationVar(&o.span, "for", 2*time.Second, "how long a cell is measured")
	flag.IntVar(&o.rounds, "rounds", 1, "measure a cell so many times, and take the medians")
	flag.IntVar(&o.rate, "rate", 5000, "deliveries a second of the cells at a fixed rate")
	flag.IntVar(&o.idle, "idle", 5000, "number of idle clients")
	flag.BoolVar(&o.quick, "quick", false, "256 bytes only, and half a second a cell")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if o.cells, err = regexp.Compile(*cells); err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "bench-broker-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.fieldmq == "" {
		o.fieldmq = filepath.Join(dir, "fieldmq")
		if err := build(ctx, o.fieldmq); err != nil {
			return err
		}
	}
	if o.quick {
		o.span = 500 * time.Millisecond
	}
	if err := cmp.Or(openFiles(), pinSelf(loadCore)); err != nil {
		return err
	}
	peers := []peer{mosquitto(o.mosquitto), fieldmq(o.fieldmq)}
	if err := runCells(ctx, o, dir, peers); err != nil || !o.cells.MatchString("idle") {
		return err
	}
	return runIdle(ctx, o, dir, peers)
}

func build(ctx context.Context, to string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, "fieldmq/cmd/fieldmq")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build fieldmq: %w", err)
	}
	return nil
}

// runCells measures all cells that are asked for and prints a row for each.
func runCells(ctx context.Context, o options, dir string, peers []peer) error {
	for _, rate := range []int{0, o.rate} {
		chosen := slices.DeleteFunc(cells(rate, o.quick), func(c cell) bool { return !o.cells.MatchString(c.String()) })
		for i, c := range chosen {
			if i == 0 {
				printHead(rate)
			}
			pair, err := compare(ctx, o, dir, peers, c)
			if err != nil {
				return fmt.Errorf("%v: %w", c, err)
			}
			printRow(c, pair)
		}
	}
	return nil
}

// compare measures one cell on each peer, in turns, and returns the medians.
func compare(ctx context.Context, o options, dir string, peers []peer, c cell) (pair [2]result, err error) {
	var rounds [2][]result
	for range o.rounds {
		for i, p := range peers {
			r, err := measure(ctx, p, dir, c, o)
			if err != nil {
				return pair, fmt.Errorf("%s: %w", p.name, err)
			}
			rounds[i] = append(rounds[i], r)
		}
	}
	return [2]result{median(rounds[0]), median(rounds[1])}, nil
}

func runIdle(ctx context.Context, o options, dir string, peers []peer) error {
	printIdleHead(o.idle)
	for _, p := range peers {
		r, err := measureIdle(ctx, p, dir, o)
		if err != nil {
			return fmt.Errorf("%d idle clients: %s: %w", o.idle, p.name, err)
		}
		printIdleRow(p.name, r)
	}
	return nil
}
