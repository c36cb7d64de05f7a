package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain {file} {device} {point}",
		Short: "Show what stands behind a value: words, types, orders, times",
		Long: `Explain reads one point of a Modbus device, without the gateway, and shows why
its value is what it is: the words on the wire, and what these words would be in
every type and byte order, at other scales, and one register before or after,
because some manuals count from 1. The most plausible comes first, by the unit
and the range that the configuration knows; * marks what the configuration says.

Exit codes: 0 done, 1 failed, 3 the file has faults, 4 no answer.`,
		Example: "  fieldmq explain site.yaml meter voltage\n  fieldmq explain site.yaml boiler flow --json",
		Args:    cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			return explainPoint(c.Context(), args[0], args[1], args[2], asJSON, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return c
}

func explainPoint(ctx context.Context, file, device, point string, asJSON bool, out io.Writer) error {
	config, err := gateway.Load(file)
	if err != nil {
		return err
	}
	bus, _, err := probe.Find(config, device)
	if err != nil {
		return usage("%v", err)
	}
	p, err := probe.Open(ctx, config, device, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer p.Close()
	entries, err := p.Points(point)
	if err != nil {
		return usage("%v", err)
	}
	x, err := p.Explain(ctx, bus.Settings, entries[0])
	if err != nil {
		return err
	}
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
	fmt.Fprintf(out, "%v is %s\n", r.Point, valueOf(r))
	fmt.Fprintf(out, "%v, which manuals call %s; words %s\n", r.Point.At, r.Manual(), strings.TrimSpace(r.Words()))
	fmt.Fprintf(out, "asked with function code %d: %d bytes out, %d bytes back; took %v, planned %v\n",
		x.Function, x.Sent, x.Received, round(x.Took), round(x.Wire))
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
