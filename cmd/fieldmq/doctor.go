package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fieldmq/gateway"
	"fieldmq/gateway/doctor"
	"fieldmq/gateway/remote"
)

func doctorCommand() *cobra.Command {
	var file string
	var asJSON bool
	var parts []string
	c := &cobra.Command{
		Use:   "doctor [file]",
		Short: "Look for what is wrong: ports, wiring, clock, disk, broker, cloud",
		Long: `Doctor looks at everything that a configuration file needs of this box, and says
of each what it found, where, and what to do about it:

  clock    is it right, and does a time server keep it so
  disk     can gateway.data be written to, and is there room
  port     is each port there, may you open it, who has it, is its name one that stays
  wiring   does each device answer; else what the bytes on the wire say: silence,
           echo, garbage, damaged answers, another master, each with its likely cause
  broker   do its addresses and files serve, do certificates hold
  cloud    each step on the way: DNS, TCP, TLS, certificate dates, CONNECT

It changes nothing, and asks devices only to read. While the gateway runs, ports
and upstreams are left to it, and it is asked instead; stop it to have the wire
looked at.

Exit codes: 0 nothing is bad, 1 something is, 2 wrong command line, 3 the file
has faults.`,
		Example: `  fieldmq doctor site.yaml
  fieldmq doctor site.yaml --part port,wiring
  fieldmq doctor site.yaml --json | jq 'select(.level == "bad")'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := fileNamed(c, args, &file); err != nil {
				return err
			}
			for _, p := range parts {
				if !slices.Contains(doctor.Parts, p) {
					return usage("--part %s is none of %s", p, strings.Join(doctor.Parts, ", "))
				}
			}
			return examine(c.Context(), file, parts, asJSON, c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`, if none is named")
	c.Flags().BoolVar(&asJSON, "json", false, "each finding as one JSON object on a line")
	c.Flags().StringSliceVar(&parts, "part", nil, "look at these `parts` only: "+strings.Join(doctor.Parts, ", "))
	return c
}

func examine(ctx context.Context, file string, parts []string, asJSON bool, out io.Writer) error {
	config, err := gateway.Load(file)
	if err != nil {
		return err
	}
	site := doctor.Site{Config: config, Parts: parts}
	if r := runningGateway(ctx, config); r != nil {
		defer r.client.Close()
		site.Running = r
	}
	bad := 0
	var failed error
	doctor.Examine(ctx, site, func(f doctor.Finding) {
		if f.Level == doctor.Bad {
			bad++
		}
		if err := printFinding(out, f, asJSON); err != nil {
			failed = err
		}
	})
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil:
		return ctx.Err()
	case bad > 0:
		return fmt.Errorf("%s bad", count(bad, "thing is", "things are"))
	}
	return nil
}

func printFinding(out io.Writer, f doctor.Finding, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(f)
	}
	_, err := fmt.Fprintf(out, "%-4s  %-6s  %s: %s\n", f.Level, f.Part, f.Where, f.What)
	if f.Do != "" && err == nil {
		_, err = fmt.Fprintf(out, "              %s\n", f.Do)
	}
	return err
}

// running is the gateway of a file, at work.
type running struct{ client *remote.Client }

// runningGateway is nil if no gateway of the file's id is at work.
func runningGateway(ctx context.Context, config *gateway.Config) *running {
	for _, url := range brokers(config) {
		client, err := remote.Dial(ctx, remote.Config{URL: url, User: os.Getenv("FIELDMQ_USER"), Password: os.Getenv("FIELDMQ_PASSWORD")})
		if err != nil {
			continue
		}
		status, err := client.Retained(ctx, "device/"+config.General.ID+"/status")
		if err == nil && string(status["device/"+config.General.ID+"/status"]) == "online" {
			return &running{client}
		}
		client.Close()
	}
	return nil
}

// Retained implements doctor.Running.
func (r *running) Retained(ctx context.Context, topic string) ([]byte, error) {
	found, err := r.client.Retained(ctx, topic)
	return found[topic], err
}
