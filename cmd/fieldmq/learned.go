package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/gateway"
	"fieldmq/gateway/remote"
)

func learnedCommand() *cobra.Command {
	var forget, asJSON bool
	var url string
	c := &cobra.Command{
		Use:   "learned {file} [device]",
		Short: "Show what the running gateway learned of Modbus devices, or forget it",
		Long: `Learned asks the gateway that runs with a file what devices taught it by
refusing requests: registers that they do not have, which are asked for alone and
seldom, and places where a read must be cut in two. With gateway.data set it is
kept over restarts. After an update of a device, --forget lets it be learned anew.

Exit codes: 0 done, 1 failed, 3 the file has faults.`,
		Example: "  fieldmq learned site.yaml\n  fieldmq learned site.yaml meter --forget",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			device := ""
			if len(args) == 2 {
				device = args[1]
			}
			return showLearned(c.Context(), learning{args[0], device, url, forget, asJSON}, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&forget, "forget", false, "forget it, after it was shown")
	c.Flags().BoolVar(&asJSON, "json", false, "as one JSON object a device on a line")
	c.Flags().StringVar(&url, "via", "", "the broker of the gateway, such as `mqtt://127.0.0.1:1883`; the file's own if not given")
	return c
}

// learning is what learned is asked for.
type learning struct {
	file, device, url string
	forget, json      bool
}

func showLearned(ctx context.Context, l learning, out io.Writer) error {
	config, err := gateway.Load(l.file)
	if err != nil {
		return err
	}
	urls := brokers(config)
	if l.url != "" {
		urls = []string{l.url}
	}
	client, err := dialAny(ctx, urls)
	if err != nil {
		return fmt.Errorf("no gateway to ask: %w", err)
	}
	defer client.Close()
	found := l.device == ""
	for _, b := range config.Buses {
		if l.device != "" && !hasDevice(b, l.device) || !strings.HasPrefix(b.Driver, "modbus-") || len(b.Devices) == 0 {
			continue
		}
		found = true
		known, err := client.Lessons(ctx, config.General.ID, b.Name, l.device, l.forget)
		if err != nil {
			return fmt.Errorf("bus %s: %w", b.Name, err)
		}
		if err := printLearned(b, known, l, out); err != nil {
			return err
		}
	}
	if !found {
		return usage("%s has no Modbus device %q", l.file, l.device)
	}
	return nil
}

// dialAny is a client of the first of some brokers that lets us in.
func dialAny(ctx context.Context, urls []string) (*remote.Client, error) {
	errs := []error{errors.New("the file has no listener that can be reached")}
	for i, url := range urls {
		if i == 0 {
			errs = nil
		}
		client, err := remote.Dial(ctx, remote.Config{URL: url, User: os.Getenv("FIELDMQ_USER"), Password: os.Getenv("FIELDMQ_PASSWORD")})
		if err == nil {
			return client, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func hasDevice(b gateway.Bus, id string) bool {
	for _, d := range b.Devices {
		if d.ID == id {
			return true
		}
	}
	return false
}

// lesson is what a Modbus bus says of a device.
type lesson struct {
	Refused []struct {
		Table string    `json:"table"`
		First int       `json:"first"`
		Count int       `json:"count"`
		Why   string    `json:"why"`
		Since time.Time `json:"since"`
	} `json:"refused"`
	Apart []struct {
		Table string    `json:"table"`
		First int       `json:"first"`
		End   int       `json:"end"`
		Since time.Time `json:"since"`
	} `json:"apart"`
	NoMaskWrite bool `json:"no_mask_write"`
	NoReadWrite bool `json:"no_read_write"`
}

func printLearned(b gateway.Bus, known map[string]json.RawMessage, l learning, out io.Writer) error {
	for _, d := range b.Devices {
		text := known[d.ID]
		if text == nil {
			continue
		}
		if l.json {
			fmt.Fprintf(out, "{\"device\":%q,\"bus\":%q,\"lessons\":%s}\n", d.ID, b.Name, text)
			continue
		}
		var m lesson
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		for _, r := range m.Refused {
			fmt.Fprintf(out, "%s  %s %d (%d)  refused: %s, since %s\n", d.ID, r.Table, r.First, r.Count, r.Why, r.Since.Local().Format(time.DateTime))
		}
		for _, a := range m.Apart {
			fmt.Fprintf(out, "%s  %s %d..%d  cannot be read across, since %s\n", d.ID, a.Table, a.First, a.End, a.Since.Local().Format(time.DateTime))
		}
		if m.NoMaskWrite {
			fmt.Fprintf(out, "%s  declines function code 22: mask_write does nothing\n", d.ID)
		}
		if m.NoReadWrite {
			fmt.Fprintf(out, "%s  declines function code 23: read_write does nothing\n", d.ID)
		}
	}
	return nil
}
