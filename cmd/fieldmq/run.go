package main

import (
	"github.com/spf13/cobra"

	"fieldmq/gateway"
)

const defaultConfig = "/etc/fieldmq/fieldmq.yaml"

func runCommand() *cobra.Command {
	var file string
	var logging logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the gateway of a configuration file",
		Long: `Run reads the file, and if it has no fault opens the broker's ports and the
buses and polls until it is stopped. A bus that cannot be opened is tried again
and again; its devices are offline as long as that lasts.

Ctrl-C and SIGTERM stop it: all devices go offline, and it ends.`,
		Example: "  fieldmq run --config site.yaml\n  mosquitto_sub -v -t 'device/#'",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logging.logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			config, err := gateway.Load(file)
			if err != nil {
				return err
			}
			g, err := gateway.Open(c.Context(), config, log)
			if err != nil {
				return err
			}
			log.Info("fieldmq is running", "version", gateway.Version(), "config", file, "gateway", config.General.ID)
			for _, url := range g.URLs() {
				log.Info("listening", "url", url)
			}
			if err := g.Run(c.Context()); err != nil {
				return err
			}
			log.Info("stopped")
			return nil
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`")
	logging.add(c)
	return c
}
