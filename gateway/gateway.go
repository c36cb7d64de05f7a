// Package gateway wires the rooms together and runs them: it reads a site's
// configuration, starts the broker, and gives each bus a polling loop and a
// table that turns its points into topics and back.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
	"fieldmq/broker/bridge"
	"fieldmq/gateway/journal"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// Gateway is a site at work.
type Gateway struct {
	// Plan works out what a configuration costs, for those who ask. It may be set
	// before Run.
	Plan func(*Config) (any, error)

	follows atomic.Bool // its file is read again when someone asks
	journal *journal.Journal
	past    *past
	id      string
	log     *slog.Logger
	service *Service
	server  *broker.Server // of the service
	figures *figures
	tools   *tools
	tasks   chan func()   // for the goroutine of Run
	ready   atomic.Bool   // all is started, and nothing has stopped
	begun   chan struct{} // closed when ready first was true

	clock   clock
	waiting waiting        // for the clock
	await   errgroup.Group // what lives as long as the field, beside the buses

	reloaded atomic.Pointer[Outcome] // of the last request; nil: there was none

	// What runs belongs to the goroutine of Run.
	config     *Config
	running    running
	complaints complaints

	units   map[string]*unit // one for each bus, the gateway itself among them, by key
	links   map[string]*link // one for each upstream
	monitor *monitor         // nil: nobody is served
	home    *home            // nil: Home Assistant is not told
}

// running are the contexts of what runs: the buses, and all that they tell.
type running struct{ field, serving context.Context }

// Open makes a gateway ready: it takes the ports that the broker listens on,
// so that a port in use is known before anything else starts. Run closes them.
func Open(ctx context.Context, config *Config, log *slog.Logger) (*Gateway, error) {
	diary := journal.New()
	log = slog.New(diary.Handler(log.Handler()))
	service, err := OpenBroker(ctx, &config.Broker, log)
	if err != nil {
		return nil, err
	}
	if err := service.Keep(config); err != nil {
		return nil, err
	}
	service.page = newPage(config)
	monitor, err := openMonitor(ctx, config.Metrics)
	if err != nil {
		service.close()
		return nil, err
	}
	return &Gateway{
		journal: diary, past: newPast(int(config.Page.History)),
		tools: &tools{gateway: config.General.ID, server: service.Server(), may: config.General.Tools},
		id:    config.General.ID, config: config, log: log, service: service, server: service.Server(), figures: newFigures(),
		tasks: make(chan func()), begun: make(chan struct{}), clock: newClock(), units: map[string]*unit{}, links: map[string]*link{}, monitor: monitor,
	}, nil
}

// Server is the gateway's broker, for those in the same process who want to
// listen too.
func (g *Gateway) Server() *broker.Server { return g.server }

// URLs are where the broker is reached, in the order of the configuration.
func (g *Gateway) URLs() []string { return g.service.URLs() }

// Ready is closed when the broker serves and all buses are on their schedule;
// whether devices answer is another matter.
func (g *Gateway) Ready() <-chan struct{} { return g.begun }

// Summary says in a line how it goes, for people.
func (g *Gateway) Summary() string {
	var devices, online int
	for _, loop := range g.figures.loops() {
		for _, h := range loop.Healths() {
			devices++
			if h.Online {
				online++
			}
		}
	}
	text := fmt.Sprintf("%d of %d devices online", online, devices)
	for name, s := range g.figures.upstreamStats() {
		if !s.Connected {
			text += "; upstream " + name + " is away"
		}
	}
	return text
}

// Run serves and polls until ctx ends or something fails that cannot be tried
// again. It returns when all it started has ended: first the buses, then the
// devices go offline, then the bridges tell the upstreams, and the broker comes
// last, so that everyone is told.
func (g *Gateway) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	brokers, serving := errgroup.WithContext(serving)
	bridges, err := g.prepareAll(ctx) // before anything is published, so that they miss nothing
	if err != nil {
		g.service.close()
		if g.monitor != nil {
			g.monitor.Close()
		}
		if ctx.Err() != nil { // stopped before it began
			return nil
		}
		return err
	}
	g.announce(serving)
	brokers.Go(func() error { return g.service.Run(serving) })
	every := g.config.Broker.SysInterval.D()
	brokers.Go(func() error { return g.tellAccounts(serving, every) })
	field, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(serving, cancel) // a listener that fails ends all
	err = g.runAll(field, serving, bridges)
	stop()
	return errors.Join(err, brokers.Wait())
}

// announce leaves, before any client can connect, a status of each device that
// is true whatever was there before: nothing has answered yet. What devices and
// points left that are not configured any more is taken away.
// A store that has no room for it does not keep the gateway from its work.
func (g *Gateway) announce(ctx context.Context) {
	buses := g.buses(g.config)
	all := g.leftovers(buses)
	for _, bus := range buses {
		for _, d := range bus.Devices {
			all = append(all, mapping.Status(d.ID, false))
		}
	}
	if err := g.server.Publish(ctx, all...); err != nil {
		g.log.Error("what is retained at the start is not stored", "error", err)
	}
}

// buses are those of a configuration, and the gateway itself as one more.
func (g *Gateway) buses(config *Config) []Bus {
	return append([]Bus{g.figures.bus(config)}, config.Buses...)
}

// runAll runs the buses in the context of the field, and the bridges as long as
// the buses have something to tell. Configurations that change it are put into
// force here, one after the other.
func (g *Gateway) runAll(field, serving context.Context, bridges []*bridge.Bridge) error {
	g.running = running{field, serving}
	g.serve(serving, g.monitor)
	defer func() { g.monitor.end() }()
	g.awaitClock(field)
	defer func() { _ = g.await.Wait() }() // all end with their context, and well
	g.await.Go(func() error { return g.runShadows(field) })
	for i, u := range g.config.Upstreams {
		g.link(serving, u, bridges[i])
	}
	defer g.unlinkAll()
	defer g.stopAll()
	buses := g.buses(g.config)
	g.config.marks.device(&buses[0].Devices[0])
	for _, bus := range buses {
		if err := g.start(field, serving, bus, nil); err != nil {
			return err
		}
	}
	g.settle(g.config.HomeAssistant)
	defer func() { g.home.end() }()
	g.ready.Store(true)
	close(g.begun)
	defer g.ready.Store(false)
	asked, closeDesk := context.WithCancel(field)
	var desk errgroup.Group
	desk.Go(func() error { return g.answerQuestions(asked) })
	desk.Go(func() error { return g.tellLog(asked) })
	err := g.serveTasks(field)
	closeDesk()
	return errors.Join(err, desk.Wait())
}

// serveTasks does what others want done in this goroutine, and looks after the
// reports, until ctx ends.
func (g *Gateway) serveTasks(ctx context.Context) error {
	reports := newReporter(g)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case task := <-g.tasks:
			task()
		case now := <-look.C:
			reports.look(now)
		}
	}
}

// key tells buses apart, and from the gateway itself.
func (b *Bus) key() string {
	if _, self := b.Settings.(*figures); self {
		return ""
	}
	return b.Name
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
