package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

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

The files for TLS, users and passwords that a configuration names are looked at as
they are on this machine: those that are not there, cannot be read, have expired or
do not belong together get a warning, for the gateway may run on another.

Exit codes: 0 no faults, 3 faults.`,
		Example: "  fieldmq check site.yaml\n  fieldmq check --json site.yaml",
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{file}
			}
			var all, warnings configs.Faults
			for _, f := range files {
				config, text, err := gateway.LoadText(f)
				var faults configs.Faults
				switch {
				case errors.As(err, &faults):
					all = append(all, faults...)
				case err != nil:
					return err
				default:
					found := lacking(f, text, config)
					warnings = append(warnings, found...)
					if !asJSON {
						tellWarnings(c.ErrOrStderr(), found)
						fmt.Fprintf(c.OutOrStdout(), "%s: no faults; %s\n", f, summary(config))
					}
				}
			}
			if asJSON {
				return tellJSON(c.OutOrStdout(), all, warnings)
			}
			if len(all) > 0 {
				return all
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`, if none is named")
	c.Flags().BoolVar(&asJSON, "json", false, "the faults as one JSON array of objects with file, line, column, path and text; warning is true in those that are none")
	return c
}

// lacking are the files that a configuration names and this machine has not, or not as
// they should be, each with the place of its key.
func lacking(file string, text []byte, config *gateway.Config) configs.Faults {
	doc := configs.Parse(file, text, os.LookupEnv)
	for _, l := range config.Lacks(time.Now()) {
		doc.Root().Bad(l.Path, "%s (%s)", l.Text, l.Do)
	}
	return doc.Faults()
}

func tellWarnings(out io.Writer, warnings configs.Faults) {
	for _, w := range warnings {
		w.Text = "warning: " + w.Text
		fmt.Fprintln(out, w)
	}
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

// tellJSON writes the faults and warnings for a program to read.
func tellJSON(out io.Writer, faults, warnings configs.Faults) error {
	type said struct {
		configs.Fault
		Warning bool `json:"warning,omitempty"`
	}
	all := []said{}
	for _, f := range faults {
		all = append(all, said{f, false})
	}
	for _, w := range warnings {
		all = append(all, said{w, true})
	}
	if err := json.NewEncoder(out).Encode(all); err != nil {
		return err
	}
	if len(faults) > 0 {
		return errors.Join(errTold, faults)
	}
	return nil
}
