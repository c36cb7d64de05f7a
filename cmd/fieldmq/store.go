package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/broker"
	"fieldmq/broker/store"
)

func storeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "store",
		Short: "Look into the data folder of a gateway",
		Long: `Store looks into the folder that gateway.data names: sessions and the messages
that wait for them, retained messages and wills. It changes nothing, and may be
used while the gateway runs.`,
		Example: "  fieldmq store show /var/lib/fieldmq\n  fieldmq store verify /var/lib/fieldmq\n  fieldmq store export /var/lib/fieldmq > backup.jsonl",
	}
	c.AddCommand(
		storeSubcommand("show", "Say what is in it", showStore),
		storeSubcommand("verify", "Check every record; fails if one is damaged", verifyStore),
		storeSubcommand("export", "Write all that is in it as JSON, a line a record", exportStore),
	)
	return c
}

func storeSubcommand(name, short string, do func(io.Writer, *store.Report) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " <folder>",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := store.Inspect(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(c.OutOrStdout())
			if err := do(out, r); err != nil {
				out.Flush()
				return err
			}
			return out.Flush()
		},
	}
}

func showStore(out io.Writer, r *store.Report) error {
	fmt.Fprintf(out, "%s, %d bytes, %d of them count\n", count(r.Segments, "segment", "segments"), r.Bytes, r.Live)
	fmt.Fprintf(out, "%s, %s, %s, %s\n", count(r.Sessions, "session", "sessions"), count(r.Subscriptions, "subscription", "subscriptions"),
		count(r.Retained, "retained message", "retained messages"), count(r.Messages, "message waits", "messages wait"))
	for _, d := range r.Damage {
		fmt.Fprintf(out, "damage: %v\n", d)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	left := map[string]time.Time{}
	var clients []broker.Entered
	for record, err := range r.All() {
		if err != nil {
			return err
		}
		switch record := record.(type) {
		case broker.Entered:
			clients = append(clients, record)
		case broker.Left:
			left[record.ClientID] = record.At
		}
	}
	for _, c := range clients {
		state := "connected"
		if at, away := left[c.ClientID]; away {
			state = "away since " + at.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%q\t%s\t%s\n", c.ClientID, count(r.Waiting(c.ClientID), "message", "messages"), state)
	}
	return table.Flush()
}

func verifyStore(out io.Writer, r *store.Report) error {
	for _, err := range r.All() { // payloads too
		if err != nil {
			return err
		}
	}
	for _, d := range r.Damage {
		fmt.Fprintln(out, d)
	}
	if n := len(r.Damage); n > 0 {
		return fmt.Errorf("%s damaged", count(n, "place is", "places are"))
	}
	fmt.Fprintf(out, "%s, no damage\n", count(r.Records, "record", "records"))
	return nil
}

// exportStore writes {"record":"retained", ...}; payloads are Base64.
func exportStore(out io.Writer, r *store.Report) error {
	lines := json.NewEncoder(out)
	for record, err := range r.All() {
		if err != nil {
			return err
		}
		kind := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", record), "broker."))
		if err := lines.Encode(struct {
			Record string `json:"record"`
			What   any    `json:"what"`
		}{kind, record}); err != nil {
			return err
		}
	}
	return nil
}
