package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/drivers"
	"fieldmq/gateway/probe"
)

func readCommand() *cobra.Command {
	var t target
	var every time.Duration
	c := &cobra.Command{
		Use:   "read {-b bus} {holding | input | coil | discrete} {register}\n  fieldmq read device [point ...]",
		Short: "Read registers, or the points of a device, without the gateway",
		Long: `Read asks a device once, and prints what came: the place, its number in manuals,
the words on the wire in hexadecimal, and the value.

` + busHelp + `

With a configuration file devices and points go by their names, and values are
what the gateway would publish. A serial port that a gateway has open cannot be
shared: stop the gateway first.

Exit codes: 0 answered, 1 refused or failed, 2 wrong command line, 4 no answer.`,
		Example: `  fieldmq read -b 192.168.1.20 holding 0 -t float32 -n 4
  fieldmq read -b "/dev/ttyUSB0 9600 8E1" -u 3 input 0x46 -t float32
  fieldmq read -b plc holding 29 -t string -n 20
  fieldmq read -c site.yaml meter voltage --every 1s`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if every < 0 {
				return usage("--every %v is negative", every)
			}
			return read(c.Context(), &t, args, every, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	t.flags(c)
	c.Flags().IntVarP(&t.words.Count, "count", "n", 1, "how many `values` follow each other; of a string, how many registers")
	c.Flags().DurationVarP(&every, "every", "e", 0, "read again and again, each `time`, until Ctrl-C")
	return c
}

// read reads once, or until ctx ends.
func read(ctx context.Context, t *target, args []string, every time.Duration, out, errs io.Writer) error {
	for {
		err := readWhile(ctx, t, args, every, out)
		var wrong usageError
		switch {
		case ctx.Err() != nil:
			return nil
		case every == 0 || errors.As(err, &wrong):
			return err
		}
		fmt.Fprintln(errs, "fieldmq:", err) // the bus was lost; it may come back
		pause(ctx, every)
	}
}

// readWhile reads while the bus is there; once if there is no interval.
func readWhile(ctx context.Context, t *target, args []string, every time.Duration, out io.Writer) error {
	p, entries, err := t.open(ctx, args)
	if err != nil {
		return err
	}
	defer p.Close()
	for {
		readings, err := p.Read(ctx, entries)
		if err != nil {
			return err
		}
		if err := t.print(out, readings, every > 0); err != nil {
			return err
		}
		if every == 0 {
			return judge(readings)
		}
		if !pause(ctx, every) {
			return nil
		}
	}
}

// judge is the error of readings that are to be had once.
func judge(readings []probe.Reading) error {
	refused := 0
	for _, r := range readings {
		switch {
		case r.Silent():
			return fmt.Errorf("%v: %w", r.Point.At, drivers.ErrOffline)
		case r.Err != nil && !errors.Is(r.Err, drivers.ErrNoValue):
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %s cannot be read", refused, count(len(readings), "point", "points"))
	}
	return nil
}

// print writes readings as lines of a table or of JSON.
func (t *target) print(out io.Writer, readings []probe.Reading, timed bool) error {
	if t.json {
		for i := range readings {
			if err := json.NewEncoder(out).Encode(&readings[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range readings {
		r := &readings[i]
		if timed {
			fmt.Fprintf(table, "%s\t", r.Sample.Time.Format("15:04:05.000"))
		}
		if !t.direct() {
			fmt.Fprintf(table, "%v\t", r.Point)
		}
		fmt.Fprintf(table, "%v\t%s\t%s\t%s\n", r.Point.At, r.Manual(), r.Words(), valueOf(r))
	}
	return table.Flush()
}

// valueOf is the value with its unit, or what went wrong.
func valueOf(r *probe.Reading) string {
	if r.Err == nil && r.Rule.Unit != "" {
		return r.Text() + " " + r.Rule.Unit
	}
	return r.Text()
}
