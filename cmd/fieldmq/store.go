package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
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
that wait for them, retained messages, wills, and values of the gateway, such as
counters. It changes nothing, and may be used while the gateway runs.`,
		Example: "  fieldmq store show /var/lib/fieldmq\n  fieldmq store verify /var/lib/fieldmq\n  fieldmq store export /var/lib/fieldmq > backup.jsonl",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
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
			defer r.Close()
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
	if n := len(r.Kept); n > 0 {
		fmt.Fprintf(out, "%s of the gateway\n", count(n, "value", "values"))
	}
	for _, d := range r.Damage {
		fmt.Fprintf(out, "damage: %v\n", d)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	left := map[string]time.Time{}
	accounts := map[string]*storeAccount{}
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
		case broker.Counted:
			if accounts[record.ClientID] == nil {
				accounts[record.ClientID] = &storeAccount{dropped: map[string]uint64{}}
			}
			accounts[record.ClientID].add(record)
		}
	}
	for _, c := range clients {
		state := "connected"
		if at, away := left[c.ClientID]; away {
			state = "away since " + at.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%q\t%s\t%s%s\n", c.ClientID, count(r.Waiting(c.ClientID), "message", "messages"), state, accounts[c.ClientID])
	}
	return table.Flush()
}

// storeAccount is what became of the messages that waited for an upstream.
type storeAccount struct {
	delivered uint64
	dropped   map[string]uint64 // by reason
}

func (a *storeAccount) add(c broker.Counted) {
	if c.Reason == "" {
		a.delivered += c.Count
		return
	}
	a.dropped[c.Reason] += c.Count
}

// String is what stands behind a session: nothing where nothing is counted.
func (a *storeAccount) String() string {
	if a == nil {
		return ""
	}
	text := fmt.Sprintf(", %d delivered", a.delivered)
	for _, reason := range slices.Sorted(maps.Keys(a.dropped)) {
		text += fmt.Sprintf(", %d dropped (%s)", a.dropped[reason], reason)
	}
	return text
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
		if err := lines.Encode(exported(record)); err != nil {
			return err
		}
	}
	for _, k := range r.Kept {
		if err := lines.Encode(exported(k)); err != nil {
			return err
		}
	}
	return nil
}

// line is a line of an export.
type line struct {
	Record string `json:"record"`
	What   any    `json:"what"`
}

func exported(record any) line {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", record), ".")
	return line{strings.ToLower(name), record}
}
