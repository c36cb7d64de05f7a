package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/gateway"
	"fieldmq/gateway/levels"
)

func brokerCommand() *cobra.Command {
	var file string
	var logging logFlags
	c := &cobra.Command{
		Use:   "broker [file]",
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
file again: listeners, rules, limits and the section log; clients that lose their
right are cut. What a client was told of limits as it came holds until it comes
again. Ctrl-C and SIGTERM stop the broker.`,
		Example: "  fieldmq broker\n  fieldmq broker --config broker.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := fileNamed(c, args, &file); err != nil {
				return err
			}
			log, levels, err := logging.changeable(c.ErrOrStderr())
			if err != nil {
				return err
			}
			return runBroker(c.Context(), file, log, levels)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `file`")
	logging.add(c)
	return c
}

func runBroker(ctx context.Context, file string, log *slog.Logger, levels *levels.Levels) error {
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
	service.Levels(levels, &config.Log)
	log.Info("the broker is running", "version", gateway.Version(), "config", file)
	if tellURLs(log, service.URLs()); len(config.Broker.Listen) == 0 {
		log.Warn("nobody can connect: broker.listen is empty")
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return service.Run(ctx) })
	group.Go(func() error {
		return reloadBroker(ctx, hangups, log, config, load, service, levels)
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
