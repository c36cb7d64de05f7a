package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
)

// cloud is a second broker in the process, which plays the one upstream.
type cloud struct {
	server *broker.Server
	ln     net.Listener
}

// cloudPort is where the cloud of the demo listens, if the port is free.
const cloudPort = "1884"

// openCloud takes a port of this machine.
func openCloud(ctx context.Context, log *slog.Logger) (*cloud, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", cloudPort))
	if errors.Is(err, syscall.EADDRINUSE) {
		ln, err = config.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, err
	}
	return &cloud{broker.New(broker.Defaults(), log.With("part", "cloud")), ln}, nil
}

func (c *cloud) url() string { return "mqtt://" + c.ln.Addr().String() }

// run serves until ctx ends.
func (c *cloud) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.server.Run(ctx) })
	group.Go(func() error {
		return c.server.Serve(ctx, c.ln, broker.ListenerOptions{Name: c.url(), Anonymous: true})
	})
	return group.Wait()
}
