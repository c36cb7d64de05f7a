package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
)

// cloud is a second broker in the process, which plays the one upstream. It can
// go away and come back.
type cloud struct {
	server *broker.Server
	ln     net.Listener // the first one
	away   chan bool    // what it shall be; room for one wish
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
	return &cloud{broker.New(broker.Defaults(), log.With("part", "cloud")), ln, make(chan bool, 1)}, nil
}

func (c *cloud) url() string { return "mqtt://" + c.ln.Addr().String() }

// run serves until ctx ends.
func (c *cloud) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.server.Run(ctx) })
	group.Go(func() error { return c.serve(ctx) })
	return group.Wait()
}

// serve listens, but for the times when it is to be away.
func (c *cloud) serve(ctx context.Context) error {
	ln := c.ln
	for {
		if err := c.serveUntilAway(ctx, ln); err != nil || ctx.Err() != nil {
			return err
		}
		for away := true; away; {
			select {
			case away = <-c.away:
			case <-ctx.Done():
				return nil
			}
		}
		var err error
		var config net.ListenConfig
		if ln, err = config.Listen(ctx, "tcp", c.ln.Addr().String()); err != nil {
			return err
		}
	}
}

func (c *cloud) serveUntilAway(ctx context.Context, ln net.Listener) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- c.server.Serve(serving, ln, broker.ListenerOptions{Name: c.url(), Anonymous: true}) }()
	for {
		select {
		case err := <-ended:
			return err
		case away := <-c.away:
			if away {
				stop()
				return <-ended
			}
		}
	}
}

// Faults of the cloud, in the words of those of devices.
const (
	cloudAway = "cloud silence"
	cloudBack = "cloud ok"
	allBack   = "all ok"
)

// fault takes a text that concerns the cloud. It says whether it did so alone.
func (c *cloud) fault(text string) (mine bool) {
	text = strings.Join(strings.Fields(text), " ")
	if text != cloudAway && text != cloudBack && text != allBack {
		return false
	}
	select {
	case <-c.away: // an older wish that nobody took
	default:
	}
	c.away <- text == cloudAway
	return text != allBack
}
