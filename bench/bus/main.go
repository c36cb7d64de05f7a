// Command bus measures how much of a bus's physical limit the gateway uses:
// useful values a second as a part of what the line could carry, with peers in
// the same run. The simulated devices are another process, on pseudo terminals
// that take the time of a wire, and on TCP behind a network that takes its time.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"time"
)

var (
	span  = flag.Duration("span", 10*time.Second, "how `long` each cell is measured")
	cells = flag.String("cells", ".", "a regular `expression` for the names of the cells to run")
	serve = flag.String("serve", "", "")
	cpu   = flag.String("profile", "", "a `file` for where the time of the processor went (go tool pprof)")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *serve != "" {
		if err := serveWorld(ctx, *serve); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// cell is one thing that is measured.
type cell struct {
	name string
	run  func(ctx context.Context, span time.Duration) (string, error)
}

func run(ctx context.Context) error {
	if *cpu != "" {
		f, err := os.Create(*cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	wanted, err := regexp.Compile(*cells)
	if err != nil {
		return err
	}
	for _, c := range allCells() {
		if !wanted.MatchString(c.name) {
			continue
		}
		said, err := c.run(ctx, *span)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%-28s %s\n", c.name, said)
	}
	return nil
}

func allCells() []cell {
	var all []cell
	for _, baud := range []int{9600, 19200, 115200} {
		all = append(all, lineCells(baud)...)
	}
	all = append(all, deadCell())
	all = append(all, damageCells()...)
	for _, trip := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond} {
		all = append(all, tcpCells(trip)...)
	}
	return all
}
