package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fieldmq/configs"
	"fieldmq/configs/profiles"
)

func profilesCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "profiles",
		Short: "List the register maps of devices that fieldmq knows, or print one",
		Long: `A profile is the register map of a kind of device: its points with their places,
types and units. A device of a configuration file names one, and need not list
its points:

  devices:
    meter: {bus: panel, unit: 1, profile: eastron/sdm630}

Points of the device's own come on top; a point of the same name changes single
keys of the profile's. A profile of your own is a file beside the configuration:
print one that comes near, change it, and name the file.`,
		Example: "  fieldmq profiles\n  fieldmq profiles show eastron/sdm630\n  fieldmq profiles show eastron/sdm630 > mine.yaml   # then profile: mine.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("to print a profile: fieldmq profiles show %s", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range profiles.Names() {
				model, points, err := describe(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", name, model, count(points, "point", "points"))
			}
			return table.Flush()
		},
	}
	list.AddCommand(&cobra.Command{
		Use:               "show <maker/type>",
		Short:             "Print a profile",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(profiles.Names(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := profiles.Read(strings.TrimSuffix(args[0], ".yaml"), "")
			if err != nil {
				return usage("%v", err)
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	})
	return list
}

// describe is what a profile is for, and how many points it has.
func describe(name string) (model string, points int, err error) {
	text, err := profiles.Read(name, "")
	if err != nil {
		return "", 0, err
	}
	var p struct {
		Model  string           `yaml:"model"`
		Points configs.Sections `yaml:"points"`
	}
	doc := configs.Parse(profiles.File(name), text, nil)
	doc.Root().Decode(&p, configs.Any)
	return p.Model, len(p.Points), doc.Err()
}
