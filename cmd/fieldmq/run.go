package main

import (
	"context"
	"log/slog"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/gateway"
	"fieldmq/gateway/levels"
)

const defaultConfig = "/etc/fieldmq/fieldmq.yaml"

func runCommand() *cobra.Command {
	var file, profiles string
	var logging logFlags
	c := &cobra.Command{
		Use:   "run [file]",
		Short: "Run the gateway of a configuration file",
		Long: `Run reads the file, and if it has no fault opens the broker's ports and the
buses and polls until it is stopped. A bus that cannot be opened is tried again
and again; its devices are offline as long as that lasts.

Users and certificates of the broker are read again when their files change.
SIGHUP, and fieldmq reload, put a changed file into force: what did not change
goes on undisturbed, and a file with faults changes nothing.

Ctrl-C and SIGTERM stop it: all devices go offline, and it ends.`,
		Example: "  fieldmq run --config site.yaml\n  mosquitto_sub -v -t 'device/#'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := fileNamed(c, args, &file); err != nil {
				return err
			}
			log, levels, err := logging.changeable(c.ErrOrStderr())
			if err != nil {
				return err
			}
			return run(c.Context(), file, profiles, log, levels)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", defaultConfig, "the configuration `file`")
	c.Flags().StringVar(&profiles, "pprof", "", "serve Go's profiles of this process at an `address` of this machine, such as 127.0.0.1:6060")
	logging.add(c)
	return c
}

func run(ctx context.Context, file, profiles string, log *slog.Logger, levels *levels.Levels) error {
	spareMemory()
	if profiles == "" {
		runtime.MemProfileRate = 0 // nobody will look, and a table of a megabyte stays small
	}
	hangups, stop := hangups()
	defer stop()
	config, text, err := gateway.LoadText(file)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if profiles != "" {
		serve, err := profileOn(ctx, profiles, log)
		if err != nil {
			return err
		}
		group.Go(serve)
	}
	g, err := gateway.Open(ctx, config, log)
	if err != nil {
		return err
	}
	g.Levels(levels)
	g.Plan = planned
	if config.General.Data == "" {
		log.Warn("nothing is kept across a restart; gateway.data names the folder for it")
	}
	follower := g.Follow(file, text)
	log.Info("fieldmq is running", "version", gateway.Version(), "config", file, "gateway", config.General.ID)
	tellURLs(log, g.URLs())
	for _, page := range g.Pages() {
		log.Info("the page is here", "url", page)
	}
	manager := newManager(log)
	follower.Reloading = manager.reloading
	group.Go(func() error { return manager.run(ctx, g) })
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error { return follower.Run(ctx, hangups) })
	if err := group.Wait(); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}
