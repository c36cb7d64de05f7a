// Package gateway wires the rooms together and runs them: it reads a site's
// configuration, starts the broker, and gives each bus a polling loop and a
// table that turns its points into topics and back.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// Gateway is a site at work.
type Gateway struct {
	config  *Config
	log     *slog.Logger
	service *Service
	server  *broker.Server // of the service
	figures *figures
	bridges []*bridge.Bridge // one for each of config.Upstreams
	buses   []Bus            // those of the site, and the gateway itself as one more
}

// Open makes a gateway ready: it takes the ports that the broker listens on,
// so that a port in use is known before anything else starts. Run closes them.
func Open(ctx context.Context, config *Config, log *slog.Logger) (*Gateway, error) {
	service, err := OpenBroker(ctx, &config.Broker, log)
	if err != nil {
		return nil, err
	}
	if err := service.Keep(config); err != nil {
		return nil, err
	}
	g := &Gateway{config: config, log: log, service: service, server: service.Server(), figures: newFigures()}
	g.openBridges()
	g.buses = append([]Bus{g.figures.bus(config)}, config.Buses...)
	return g, nil
}

// Server is the gateway's broker, for those in the same process who want to
// listen too.
func (g *Gateway) Server() *broker.Server { return g.server }

// URLs are where the broker is reached, in the order of the configuration.
func (g *Gateway) URLs() []string { return g.service.URLs() }

// Reload takes the users, rules and certificates of a configuration that was
// read again; see Service.Reload. All else stays as it is.
func (g *Gateway) Reload(config *Config) { g.service.Reload(&config.Broker) }

// Run serves and polls until ctx ends or something fails that cannot be tried
// again. It returns when all it started has ended: first the buses, then the
// devices go offline, then the bridges tell the upstreams, and the broker comes
// last, so that everyone is told.
func (g *Gateway) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	brokers, serving := errgroup.WithContext(serving)
	if err := g.announce(serving); err != nil {
		g.service.close()
		return err
	}
	brokers.Go(func() error { return g.service.Run(serving) })
	field, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(serving, cancel) // a listener that fails ends all
	leave := g.runBridges(serving)
	err := errors.Join(g.runField(field, serving), leave())
	stop()
	return errors.Join(err, brokers.Wait())
}

// announce leaves, before any client can connect, a status of each device that
// is true whatever was there before: nothing has answered yet.
func (g *Gateway) announce(ctx context.Context) error {
	for _, bus := range g.buses {
		for _, d := range bus.Devices {
			if err := g.server.Publish(ctx, mapping.Status(d.ID, false)); err != nil {
				return fmt.Errorf("publish the status of %s: %w", d.ID, err)
			}
		}
	}
	return nil
}

// runField runs all buses until ctx ends; what they say is published in the
// context of the broker, which lives a little longer.
func (g *Gateway) runField(ctx, serving context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, bus := range g.buses {
		group.Go(func() error { return g.runBus(ctx, serving, bus) })
	}
	return group.Wait()
}

// runBus is both paths of one bus: up from samples to messages, down from
// messages to commands.
func (g *Gateway) runBus(ctx, serving context.Context, bus Bus) error {
	table, err := bus.table()
	if err != nil {
		return err
	}
	log := g.log.With("bus", bus.Name)
	status := newStatus(serving, g.server, log)
	publish := func(messages ...mqtt.Message) {
		if err := g.server.Publish(serving, messages...); err != nil {
			log.Error("publish", "error", err)
		}
	}
	loop := poll.New(poll.Config{
		Name:     bus.Name,
		Settings: bus.Settings,
		Devices:  bus.polled(),
		Emit:     func(samples []drivers.Sample) { publish(table.Messages(samples, time.Now())...) },
		Asked:    table.Forget, // what is asked for is said, changed or not
		Report:   status.report,
		Log:      log,
	})
	g.figures.watch(bus.Name, loop)
	for _, d := range bus.Devices {
		publish(table.Info(d.ID))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return loop.Run(ctx) })
	group.Go(func() error {
		for m := range g.server.Subscribe(ctx, table.Filters()...) {
			answer, wanted := carryOut(ctx, loop, table, m)
			if wanted {
				publish(answer)
			}
		}
		return nil
	})
	err = group.Wait()
	status.goodbye()
	return err
}

// carryOut does what a message asks for, and returns the answer.
func carryOut(ctx context.Context, loop *poll.Loop, table *mapping.Table, m mqtt.Message) (mqtt.Message, bool) {
	if m.Expiry > 0 {
		bounded, cancel := context.WithTimeout(ctx, m.Expiry)
		defer cancel()
		ctx = bounded
	}
	request, err := table.Request(m)
	switch {
	case err != nil:
	case request.Get:
		err = loop.Poll(ctx, request.Device)
	default:
		err = loop.Do(ctx, request.Commands...)
	}
	return table.Reply(m, request, inWords(err))
}

// inWords says for the sender of a command what the end of a context meant.
func inWords(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the command expired before the bus was free for it; nothing was written")
	case errors.Is(err, context.Canceled):
		return errors.New("the gateway is stopping; whether the command was carried out is not known")
	}
	return err
}

// table is the bus in the language of topics.
func (b *Bus) table() (*mapping.Table, error) {
	devices := make([]mapping.Device, len(b.Devices))
	for i, d := range b.Devices {
		devices[i] = d.Device
	}
	return mapping.Compile(devices)
}

// polled are the devices of the bus as its loop sees them.
func (b *Bus) polled() []poll.Device {
	devices := make([]poll.Device, len(b.Devices))
	for i := range b.Devices {
		d := &b.Devices[i]
		devices[i] = poll.Device{ID: d.ID, OfflineAfter: d.OfflineAfter, Groups: d.Groups()}
	}
	return devices
}
