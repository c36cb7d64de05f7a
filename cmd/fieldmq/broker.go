package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/gateway"
)

func brokerCommand() *cobra.Command {
	var file string
	var logging logFlags
	c := &cobra.Command{
		Use:   "broker",
		Short: "Run the MQTT broker alone, without devices",
		Long: `Broker serves what the section broker of a configuration file says, and keeps in
gateway.data, if that is set, what must survive a restart; it heeds nothing else
of the file. Without a file it serves clients on this machine:
mqtt://127.0.0.1:1883 and ws://127.0.0.1:8083/mqtt, everybody and everything.

To serve others too, write a file such as

  broker:
    listen: [{url: "mqtt://0.0.0.0:1883"}]
    users: users
    access:
      - {user: "*", subscribe: ["%u/#"], publish: ["%u/#"]}

and give the users passwords: fieldmq passwd --file users ann

Users and certificates are read again when their files change. SIGHUP reads the
rules again, too; clients that lose their right are cut. Ctrl-C and SIGTERM
stop the broker.`,
		Example: "  fieldmq broker\n  fieldmq broker --config broker.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logging.logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			return runBroker(c.Context(), file, log)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `file`")
	logging.add(c)
	return c
}

func runBroker(ctx context.Context, file string, log *slog.Logger) error {
	load := func() (*gateway.Config, error) {
		if file == "" {
			return gateway.Read("defaults", []byte("{}"), nil)
		}
		return gateway.Load(file)
	}
	hangups, stop := hangups()
	defer stop()
	config, err := load()
	if err != nil {
		return err
	}
	service, err := gateway.OpenBroker(ctx, &config.Broker, log)
	if err != nil {
		return err
	}
	if err := service.Keep(config); err != nil {
		return err
	}
	log.Info("the broker is running", "version", gateway.Version(), "config", file)
	tellURLs(log, service.URLs())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return service.Run(ctx) })
	group.Go(func() error {
		return reload(ctx, hangups, log, load, func(config *gateway.Config) { service.Reload(&config.Broker) })
	})
	if err := group.Wait(); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

func tellURLs(log *slog.Logger, urls []string) {
	for _, url := range urls {
		log.Info("listening", "url", url)
	}
}
