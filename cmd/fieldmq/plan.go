package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fieldmq/gateway"
	"fieldmq/gateway/plan"
)

func planCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan [file | old new]",
		Short: "Say what a configuration will cost its buses, without opening anything",
		Long: `Plan lists every request that will be sent to the devices of a configuration
file: its registers, the gaps read along because another request would take
longer, its bytes and its time on the wire. Then what each point is called on
the wire, in manuals and as a topic; and the bill: the share of its time that
each bus is busy. A bus that has too much to carry gets advice what to read
less often or together. At the end stand the bytes of MQTT a day, to each
upstream by its rules, too; those of TLS and TCP come on top.

Times are worked out from the line's speed and an answer after 5 ms (2 ms on
TCP); a slow device takes longer, which shows when it runs. Of text, an answer
has as many bytes as match describes from ^ to $; where that does not tell the
most, a + stands behind the least. What devices say by themselves takes no time
of the gateway; the plan has how often the wire can carry it.

Given two files it prints the difference: + new, - gone, ~ changed.

Registers count from 0, as on the wire; the column "manual" has the numbers
from 1 behind the digit of the table: holding register 0 is 40001.

Exit codes: 0 done, however heavy the load; 3 the file has faults.`,
		Example: "  fieldmq plan site.yaml\n  fieldmq plan --json site.yaml | jq '.buses[].load'\n  fieldmq plan running.yaml new.yaml",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{file}
			}
			plans := make([]*plan.Plan, len(files))
			for i, f := range files {
				config, err := gateway.Load(f)
				if err != nil {
					return err
				}
				if plans[i], err = plan.New(config); err != nil {
					return err
				}
			}
			return showPlan(c.OutOrStdout(), c.ErrOrStderr(), plans, asJSON)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`, if none is named")
	c.Flags().BoolVar(&asJSON, "json", false, "the plan as one JSON object, a difference as one JSON array")
	return c
}

// planned is the plan of a configuration, for those who ask the gateway for it.
func planned(config *gateway.Config) (any, error) { return plan.New(config) }

// showPlan prints a plan, or the difference of two.
func showPlan(out, errs io.Writer, plans []*plan.Plan, asJSON bool) error {
	last := plans[len(plans)-1]
	for _, b := range last.Buses {
		if b.Overloaded() {
			fmt.Fprintf(errs, "bus %s has more to carry than it can: %.0f %%\n", b.Name, 100*b.Load)
		}
	}
	if len(plans) == 1 {
		if asJSON {
			return json.NewEncoder(out).Encode(last)
		}
		return last.Print(out)
	}
	changes := plan.Difference(plans[0], last)
	if asJSON {
		return json.NewEncoder(out).Encode(changes)
	}
	return plan.PrintDifference(out, changes)
}
