package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway/probe"
)

func readCommand() *cobra.Command {
	var t target
	var every time.Duration
	c := &cobra.Command{
		Use:   "read {-b bus} {holding | input | coil | discrete} {register}\n  fieldmq read device [point ...]",
		Short: "Read registers, or the points of a device",
		Long: `Read asks a device once, and prints what came: the place, its number in manuals,
the words on the wire in hexadecimal, and the value.

` + busHelp + `

With a configuration file devices and points go by their names, and values are
what the gateway would publish.

` + viaHelp + `

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
	t.via.look = true
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
	m, err := t.find(args)
	if err != nil {
		return err
	}
	p, err := t.open(ctx, m)
	if err != nil {
		return err
	}
	defer func() { p.Close() }()
	for first := true; ; first = false {
		readings, err := p.Read(ctx, m.entries)
		if first && unheard(readings, err) {
			if lent, ok := t.via.instead(ctx, p, m.config, t.brokers(m.config), m.device.ID); ok {
				p = lent
				readings, err = p.Read(ctx, m.entries)
			}
		}
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

// unheard says whether nothing was heard of a device.
func unheard(readings []probe.Reading, err error) bool {
	return errors.Is(err, drivers.ErrBus) || err == nil && !slices.ContainsFunc(readings, func(r probe.Reading) bool { return !r.Silent() })
}

// judge is the error of readings that are to be had once.
func judge(readings []probe.Reading) error {
	refused, hint := 0, ""
	for _, r := range readings {
		switch {
		case r.Silent():
			return fmt.Errorf("%v: %w", r.Point.At, r.Err)
		case r.Err != nil && !errors.Is(r.Err, drivers.ErrNoValue):
			refused++
			hint = cmp.Or(hint, manualHint(&r))
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %s cannot be read%s", refused, count(len(readings), "point", "points"), hint)
	}
	return nil
}

// manualHint says which register a manual may mean by the number of one that was
// refused.
func manualHint(r *probe.Reading) string {
	at, ok := r.Point.At.(*modbus.Address)
	if !ok || !errors.Is(r.Err, drivers.ErrRefused) {
		return ""
	}
	n, ok := at.Table().Meant(at.First())
	if !ok {
		return ""
	}
	return fmt.Sprintf("; if %d is the number of a manual, %v %d is meant: registers count from 0 here", at.First(), at.Table(), n)
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
