package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
	"fieldmq/broker/store"
)

// house is a broker with a store and three doors. A unix socket has no ports that
// run out.
type house struct {
	server         *broker.Server
	store          *store.Store
	unix, tcp, web net.Listener
}

// limits are so low that clients run into them.
func limits(seed uint64) broker.Config {
	cfg := broker.Defaults()
	cfg.MaxPacketSize, cfg.MaxRetained, cfg.MaxSessions, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxQueuedTotal = 64<<10, 100, 300, 1000, 256<<10, 1<<20
	cfg.CheckPayload = seed%2 == 0
	if seed%3 == 0 {
		cfg.QueueFull = broker.DropOldest
	}
	cfg.Shared = broker.Sharing(seed % 5)
	return cfg
}

// data is the folder of the store.
func data(dir string) string { return filepath.Join(dir, "data") }

func openHouse(dir string, seed uint64, log *slog.Logger) (h *house, err error) {
	h = &house{server: broker.New(limits(seed), log)}
	if h.store, err = store.Open(data(dir), store.Defaults(), log); err != nil {
		return nil, err
	}
	h.server.Store = h.store
	if err := h.server.Load(); err != nil {
		return nil, err
	}
	if h.unix, err = net.Listen("unix", socket(dir)); err != nil {
		return nil, err
	}
	if h.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	h.web, err = net.Listen("tcp", "127.0.0.1:0")
	return h, err
}

// run serves until ctx ends.
func (h *house) run(ctx context.Context) error {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var keeper errgroup.Group
	keeper.Go(func() error { return h.store.Run(keeping) })
	group, ctx := errgroup.WithContext(ctx)
	o := broker.ListenerOptions{Anonymous: true, Local: true, Path: webPath}
	group.Go(func() error { return h.server.Run(ctx) })
	group.Go(func() error { return h.server.Serve(ctx, h.unix, o) })
	group.Go(func() error { return h.server.Serve(ctx, h.tcp, o) })
	group.Go(func() error { return h.server.ServeWebSocket(ctx, h.web, o) })
	err := group.Wait()
	stop()
	return errors.Join(err, keeper.Wait(), h.store.Close())
}

// stream is where the client of a number finds the broker, without WebSocket.
func (h *house) stream(n uint64) net.Addr {
	if n%8 == 0 {
		return h.tcp.Addr()
	}
	return h.unix.Addr()
}

// reopen looks whether what the store holds can be gone on with.
func reopen(dir string, seed uint64, log *slog.Logger) error {
	kept, err := store.Open(data(dir), store.Defaults(), log)
	if err != nil {
		return err
	}
	defer kept.Close() //nolint:errcheck // nothing was written
	if d := kept.Damage(); len(d) > 0 {
		return fmt.Errorf("the store is damaged: %v", d)
	}
	again := broker.New(limits(seed), log)
	again.Store = kept
	return again.Load()
}
