package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/drivers"
	"fieldmq/gateway"
	"fieldmq/gateway/traffic"
)

// recordFlags are the flags of record.
type recordFlags struct {
	out  string
	span span
	via  via
}

func recordCommand() *cobra.Command {
	var f recordFlags
	c := &cobra.Command{
		Use:   "record {file} [bus ...]",
		Short: "Record what passes on the buses, byte for byte, with microseconds",
		Long: `Record writes down all bytes on the buses of a configuration file, or on those
that are named, the levels and edges of GPIO lines, and the duties of PWM outputs:
of the running gateway if there is one, else it polls the devices itself, as the
gateway would, and publishes nothing.

The recording is text, a line for what was handed over at once:

  2026-11-28T19:10:00.123456Z panel > 01 03 00 00 00 02 C4 0B
  2026-11-28T19:10:00.163010Z pins < line 17 rising 2026-11-28T19:10:00.162944Z GPIO17

> was sent, < was received. Replay plays it back, sniff --file takes it apart.
Ctrl-C or --for ends it.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the file has faults.`,
		Example: `  fieldmq record site.yaml --for 1m --out night.traffic
  fieldmq record site.yaml panel | grep '<'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return record(c.Context(), f, args[0], args[1:], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVarP(&f.out, "out", "o", "", "write to this new `file` instead of standard output")
	f.span.flag(c, "1m")
	f.via.flags(c)
	return c
}

func record(ctx context.Context, f recordFlags, file string, names []string, out, errs io.Writer) (err error) {
	config, err := gateway.Load(file)
	if err != nil {
		return err
	}
	buses, err := tapped(config, names)
	if err != nil {
		return err
	}
	if f.out != "" {
		kept, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		defer kept.Close()
		out = kept
	}
	ctx, cancel := f.span.within(ctx)
	defer cancel()
	t := &reel{out: bufio.NewWriter(out)}
	t.say(traffic.Title)
	for _, b := range buses {
		t.say(traffic.Bus{Name: b.Name, Driver: b.Driver, Place: b.Place()}.String())
	}
	began := time.Now()
	err = errors.Join(f.all(ctx, config, buses, t), t.flush())
	fmt.Fprintf(errs, "%s of %s in %v\n", count(t.lines, "line", "lines"), count(len(buses), "bus", "buses"), time.Since(began).Round(time.Second/10))
	return err
}

// tapped are the buses that can be listened in on, or those of the names.
func tapped(config *gateway.Config, names []string) ([]gateway.Bus, error) {
	var buses []gateway.Bus
	for _, b := range config.Buses {
		_, can := b.Settings.(drivers.Tapped)
		switch wanted := contains(names, b.Name); {
		case wanted && !can:
			return nil, usage("bus %s (%s) cannot be recorded", b.Name, b.Driver)
		case can && (wanted || len(names) == 0):
			buses = append(buses, b)
		}
	}
	if len(buses) == 0 || len(names) > len(buses) {
		return nil, usage("no bus of the name %s can be recorded; the file has %s", strings.Join(names, " "), busNames(config))
	}
	return buses, nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func busNames(config *gateway.Config) string {
	var names []string
	for _, b := range config.Buses {
		names = append(names, b.Name)
	}
	return strings.Join(names, ", ")
}

// all records all buses until ctx ends.
func (f *recordFlags) all(ctx context.Context, config *gateway.Config, buses []gateway.Bus, t *reel) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, b := range buses {
		if err := f.one(ctx, group, config, b, t); err != nil {
			return errors.Join(err, group.Wait())
		}
	}
	group.Go(func() error { return t.run(ctx) })
	return group.Wait()
}

// one records a bus: by way of the gateway that has it, or by itself.
func (f *recordFlags) one(ctx context.Context, group *errgroup.Group, config *gateway.Config, b gateway.Bus, t *reel) error {
	urls := brokers(config)
	if f.via.url != "" {
		urls = []string{f.via.url}
	}
	if f.via.url != viaNone {
		_, client, place, err := f.via.borrow(ctx, urls, b.Place())
		if err == nil {
			group.Go(func() error {
				defer client.Close()
				return client.Record(ctx, place, func(lines string) error { t.say(strings.Split(lines, "\n")...); return nil })
			})
			return nil
		}
		if f.via.url != "" {
			return err
		}
	}
	if l, ok := b.Settings.(drivers.Looker); ok {
		l.OnlyLook()
	}
	b.Settings.(drivers.Tapped).Tapped().Listen(func(x drivers.Traffic) { t.say(traffic.Line{Bus: b.Name, Traffic: x}.String()) })
	log := slog.New(slog.NewTextHandler(f.via.errs, &slog.HandlerOptions{Level: slog.LevelWarn})).With("bus", b.Name)
	group.Go(func() error { return b.Poll(ctx, func([]drivers.Sample) {}, log) })
	return nil
}

// reel is where the lines go.
type reel struct {
	mu    sync.Mutex
	out   *bufio.Writer
	lines int
	err   error
}

func (t *reel) say(lines ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range lines {
		if line == "" {
			continue
		}
		if line[0] != '#' {
			t.lines++
		}
		if _, err := t.out.WriteString(line + "\n"); err != nil {
			t.err = err
		}
	}
}

func (t *reel) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.err, t.out.Flush())
}

// run writes out what was said, a moment later at most, until ctx ends.
func (t *reel) run(ctx context.Context) error {
	for pause(ctx, 200*time.Millisecond) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	return nil
}
