package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"fieldmq/gateway"
)

// hangups are the SIGHUPs from now on; without it the first would end the
// process. Several in a row are one.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reload reads the configuration again at each signal, until ctx ends. A file
// with faults changes nothing.
func reload(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, load func() (*gateway.Config, error), apply func(*gateway.Config)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
		}
		config, err := load()
		if err != nil {
			log.Error("the configuration stays as it was", "error", err)
			continue
		}
		apply(config)
		log.Info("users, rules and certificates are read again; all else needs a restart")
	}
}
