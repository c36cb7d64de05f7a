package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fieldmq/configs"
	"fieldmq/gateway"
)

func checkCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [file ...]",
		Short: "Find every fault of a configuration file, without opening anything",
		Long: `Check reads configuration files as run does, and lists all faults at once, each
with its file, line and column. It opens no port and no bus, so it can be run
on any machine.

Exit codes: 0 no faults, 3 faults.`,
		Example: "  fieldmq check site.yaml\n  fieldmq check --json site.yaml",
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{file}
			}
			var all configs.Faults
			for _, f := range files {
				config, err := gateway.Load(f)
				var faults configs.Faults
				switch {
				case errors.As(err, &faults):
					all = append(all, faults...)
				case err != nil:
					return err
				case !asJSON:
					fmt.Fprintf(c.OutOrStdout(), "%s: no faults; %s\n", f, summary(config))
				}
			}
			if asJSON {
				return tellJSON(c.OutOrStdout(), all)
			}
			if len(all) > 0 {
				return all
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`, if none is named")
	c.Flags().BoolVar(&asJSON, "json", false, "the faults as one JSON array of objects with file, line, column, path and text")
	return c
}

// summary says how much there is in a file.
func summary(config *gateway.Config) string {
	devices, points := config.Count()
	return count(len(config.Buses), "bus", "buses") + ", " + count(devices, "device", "devices") + ", " + count(points, "point", "points")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// tellJSON writes the faults for a program to read.
func tellJSON(out io.Writer, faults configs.Faults) error {
	if faults == nil {
		faults = configs.Faults{}
	}
	if err := json.NewEncoder(out).Encode(faults); err != nil {
		return err
	}
	if len(faults) > 0 {
		return errors.Join(errTold, faults)
	}
	return nil
}
