package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	var v via
	c := &cobra.Command{
		Use:   "explain {file} {device} {point}",
		Short: "Show what stands behind a value: words, types, orders, times",
		Long: `Explain reads one point of a Modbus device, and shows why its value is what it is: the words on the wire, and what these words would be in
every type and byte order, at other scales, and one register before or after,
because some manuals count from 1, and the bytes of the exchange with their
times. Of a device that speaks text or frames of its own it shows what was heard
of it. The most plausible comes first, by the unit
and the range that the configuration knows; * marks what the configuration says.

` + viaHelp + `

Exit codes: 0 done, 1 failed, 3 the file has faults, 4 no answer.`,
		Example: "  fieldmq explain site.yaml meter voltage\n  fieldmq explain site.yaml boiler flow --json",
		Args:    cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			return explainPoint(c.Context(), &v, args[0], args[1], args[2], asJSON, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	v.flags(c)
	v.look = true
	return c
}

func explainPoint(ctx context.Context, v *via, file, device, point string, asJSON bool, out io.Writer) error {
	config, err := gateway.Load(file)
	if err != nil {
		return err
	}
	bus, d, err := probe.Find(config, device)
	if err != nil {
		return usage("%v", err)
	}
	entries, err := probe.Points(d, point)
	if err != nil {
		return usage("%v", err)
	}
	if tapped, ok := bus.Settings.(drivers.Tapped); ok {
		tapped.Tapped() // before the bus is opened
	}
	p, err := v.open(ctx, config, brokers(config), device)
	if err != nil {
		return err
	}
	defer func() { p.Close() }()
	ear := &ear{}
	if tapped, ok := bus.Settings.(drivers.Tapped); ok && p.client == nil {
		tapped.Tapped().Listen(ear.hear)
	}
	if _, words := entries[0].Point.At.(*modbus.Address); !words {
		return explainHeard(ctx, p, entries[0], ear, asJSON, out)
	}
	x, err := p.Explain(ctx, bus.Settings, entries[0])
	if err == nil && x.Reading.Silent() {
		if lent, ok := v.instead(ctx, p, config, brokers(config), device); ok {
			p = lent
			x, err = p.Explain(ctx, bus.Settings, entries[0])
		}
	}
	if err != nil {
		return err
	}
	x.Exchange = probe.Steps(ear.all())
	x.LastError = lastError(ctx, p.client, device)
	if asJSON {
		err = json.NewEncoder(out).Encode(x)
	} else {
		err = printExplanation(out, x)
	}
	if err != nil {
		return err
	}
	return judge([]probe.Reading{x.Reading})
}

func printExplanation(out io.Writer, x *probe.Explanation) error {
	r := &x.Reading
	is := " is"
	if r.Err != nil {
		is = ":"
	}
	fmt.Fprintf(out, "%v%s %s\n", r.Point, is, valueOf(r))
	fmt.Fprintf(out, "%v, which manuals call %s", r.Point.At, r.Manual())
	if words := strings.TrimSpace(r.Words()); words != "" {
		fmt.Fprintf(out, "; words %s", words)
	}
	fmt.Fprintln(out)
	fmt.Fprintf(out, "asked with function code %d: %d bytes out, %d bytes back; took %v, planned %v\n",
		x.Function, x.Sent, x.Received, round(x.Took), round(x.Wire))
	printSteps(out, x.Exchange)
	if x.LastError != "" {
		fmt.Fprintf(out, "the last error of the device that the gateway knows of: %s\n", x.LastError)
	}
	if len(x.Views) == 0 {
		return nil
	}
	fmt.Fprintln(out, "\nWhat the words could mean, the most plausible first:")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range x.Views {
		mark := " "
		if v.Chosen {
			mark = "*"
		}
		fmt.Fprintf(table, "%s %s\t%s\t%s\tscale %v\t%s\t%s\n", mark, v.Value, v.Type, v.Order, v.Scale, beside(v.Shift), v.Reason)
	}
	return table.Flush()
}

// beside says where a view is not at the point's own place.
func beside(shift int) string {
	switch {
	case shift < 0:
		return "one before"
	case shift > 0:
		return "one after"
	}
	return ""
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
