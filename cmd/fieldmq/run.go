package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

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

Users and certificates of the broker are read again when their files change;
SIGHUP reads its rules again, too. Clients that lose their right are cut.

Ctrl-C and SIGTERM stop it: all devices go offline, and it ends.`,
		Example: "  fieldmq run --config site.yaml\n  mosquitto_sub -v -t 'device/#'",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logging.logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			return run(c.Context(), file, log)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`")
	logging.add(c)
	return c
}

func run(ctx context.Context, file string, log *slog.Logger) error {
	hangups, stop := hangups()
	defer stop()
	load := func() (*gateway.Config, error) { return gateway.Load(file) }
	config, err := load()
	if err != nil {
		return err
	}
	g, err := gateway.Open(ctx, config, log)
	if err != nil {
		return err
	}
	if config.General.Data == "" {
		log.Warn("nothing is kept across a restart; gateway.data names the folder for it")
	}
	log.Info("fieldmq is running", "version", gateway.Version(), "config", file, "gateway", config.General.ID)
	tellURLs(log, g.URLs())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error { return reload(ctx, hangups, log, load, g.Reload) })
	if err := group.Wait(); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}
