package gateway

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// unit is a bus at work: both paths, up from samples to messages and down from
// messages to commands. It can be started, changed and stopped while the others
// go on. But for the table it belongs to the goroutine of Gateway.Run.
type unit struct {
	bus       Bus
	table     atomic.Pointer[mapping.Table] // changed in the loop's goroutine only
	loop      *poll.Loop
	polled    atomic.Pointer[Bus] // as the table has it
	counts    *counts
	refresher *refresher
	lessons   *lessons
	shared    *sharing
	status    *status
	pulses    *pulses
	doubts    *doubts
	ears      map[string]*ear // of the devices, by id
	stop      context.CancelFunc
	ended     chan struct{} // what run started has ended

	field   context.Context // while it is polled
	publish func(...mqtt.Message)
	again   atomic.Bool // the bus will be started again at once
	waiting *waiting    // of the gateway
}

// start starts a bus. Devices that an earlier unit of the name knows as online
// stay so until they fail their polls.
func (g *Gateway) start(field, serving context.Context, bus Bus, before *status) error {
	table, err := bus.table()
	if err != nil {
		return err
	}
	log := g.log.With("bus", bus.Name)
	u := &unit{bus: bus, status: newStatus(serving, g.server, g.sessionNumbers, func(err error) { g.complaints.tell(log, err) }), ears: map[string]*ear{}, ended: make(chan struct{}), waiting: &g.waiting}
	u.publish = func(messages ...mqtt.Message) {
		g.past.take(messages, time.Now())
		g.complaints.tell(log, g.server.Publish(serving, messages...))
	}
	u.status.inherit(before)
	u.polled.Store(&bus)
	u.lessons = &lessons{name: bus.Name, keeper: g.service.Keeper(), log: log, devices: func() []Device { return u.polled.Load().Devices }}
	u.shared = newSharing(g.tools, &bus, u.lessons, log)
	u.counts = &counts{keeper: g.service.Keeper(), log: log}
	u.counts.recall(table, &bus)
	u.pulses = newPulses(bus.Settings, g.service.Keeper(), log)
	u.pulses.recall(&bus)
	u.doubts = newDoubts(bus.Devices, u.status.doubt, log)
	u.table.Store(table)
	u.loop = poll.New(poll.Config{
		Name:     bus.Name,
		Settings: bus.Settings,
		Devices:  bus.polled(),
		Emit:     u.emit,
		Asked:    func(device string) { u.table.Load().Forget(device) }, // what is asked for is said, changed or not
		Last:     u.last,
		Report:   u.status.report,
		Opened:   u.shared.opened,
		Log:      log,
	})
	u.refresher = newRefresher(func(p *drivers.Point) time.Duration { return u.table.Load().Refresh(p) }, u.loop.Do, log)
	u.shared.join(u.loop)
	g.figures.watch(bus.Name, u.loop)
	u.field, u.stop = context.WithCancel(field)
	for _, d := range bus.Devices {
		u.publish(table.Info(d.ID))
		g.hear(u, d.ID)
	}
	g.units[bus.key()] = u
	lost := &uplinks{
		losses:    func() []mapping.Loss { return u.table.Load().Losses() },
		connected: g.figures.connected,
		do:        u.refresher.write,
		log:       log,
	}
	go u.run(lost)
	return nil
}

// emit publishes what samples say.
func (u *unit) emit(samples []drivers.Sample) {
	table := u.table.Load()
	messages := table.Messages(samples, time.Now())
	u.doubts.hear(samples, table)
	u.pulses.take(samples, len(messages) > 0)
	u.say(messages)
	u.counts.save(table, u.polled.Load(), false)
	u.lessons.save(false)
}

// last is what a device is left with when the bus stops. One that only starts
// again leaves all as it is.
func (u *unit) last(device string) []drivers.Command {
	if u.again.Load() {
		return nil
	}
	return u.table.Load().Last(device)
}

// run polls, and serves other masters, until the unit is stopped.
func (u *unit) run(lost *uplinks) {
	defer close(u.ended)
	group, ctx := errgroup.WithContext(u.field)
	group.Go(func() error { return u.loop.Run(ctx) })
	group.Go(func() error { return u.shared.run(ctx) })
	group.Go(func() error { return lost.run(ctx) })
	group.Go(func() error { return u.refresher.run(ctx) })
	_ = group.Wait() // all end with their context, and well
	u.counts.save(u.table.Load(), u.polled.Load(), true)
	u.pulses.end(u.polled.Load())
	u.lessons.save(true)
}

// hear listens to the commands for a device, on the topics of the table.
func (g *Gateway) hear(u *unit, device string) {
	filters := u.table.Load().Filters(device)
	ctx, stop := context.WithCancel(u.field)
	bus := u.bus.Name
	e := &ear{
		filters: filters, stop: stop,
		table:   u.table.Load,
		poll:    u.loop.Poll,
		write:   u.refresher.write,
		answer:  u.publish,
		ordered: func(err error) { g.figures.ordered(bus, err) },
	}
	e.hear(ctx, g.server.Subscribe(ctx, filters...))
	u.ears[device] = e
}

// deafen ends listening to a device, and waits for the command at hand.
func (u *unit) deafen(device string) {
	e := u.ears[device]
	delete(u.ears, device)
	e.stop()
	_ = e.tasks.Wait()
}

// end ends the polls and commands of a bus; its devices' sessions are left.
func (g *Gateway) end(u *unit) {
	delete(g.units, u.bus.key())
	u.stop()
	<-u.ended
	g.figures.unwatch(u.bus.Name, u.loop)
	for device := range u.ears {
		u.deafen(device)
	}
}

// stopAll stops all buses at once, and lets their devices say goodbye.
func (g *Gateway) stopAll() {
	for _, u := range g.units {
		u.stop()
	}
	for _, u := range g.units {
		g.end(u)
		u.status.goodbye()
	}
}

// change has the bus serve these devices from now on. Those that stays names
// are not touched.
func (g *Gateway) change(u *unit, bus Bus, stays func(device string) bool) error {
	table, err := bus.table()
	if err != nil {
		return err
	}
	u.part(&bus, g.log)
	before := u.bus
	err = u.loop.Change(u.field, bus.polled(), func() {
		u.counts.save(u.table.Load(), &before, true)
		u.counts.recall(table, &bus)
		u.pulses.save()
		u.pulses.recall(&bus)
		table.Inherit(u.table.Load(), stays)
		u.table.Store(table)
		u.lessons.save(true)
		u.polled.Store(&bus)
		u.lessons.opened(u.lessons.bus)
		u.doubts.change(bus.Devices, stays)
		for _, d := range before.Devices {
			if !bus.has(d.ID) {
				u.status.forget(d.ID)
			}
		}
	})
	if err != nil {
		return err
	}
	u.bus = bus
	u.shared.change(&bus)
	for device := range u.ears {
		if !bus.has(device) {
			u.deafen(device)
		}
	}
	for _, d := range bus.Devices {
		if stays(d.ID) {
			continue
		}
		u.publish(table.Info(d.ID))
		if e := u.ears[d.ID]; e != nil {
			if slices.Equal(e.filters, table.Filters(d.ID)) {
				continue
			}
			u.deafen(d.ID)
		}
		g.hear(u, d.ID)
	}
	return nil
}

// partTime is how long the last writes to points that go may take together.
const partTime = 3 * time.Second

// part leaves places at which the next bus has no point as they are to be left when
// the gateway stops.
func (u *unit) part(next *Bus, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(u.field, partTime)
	defer cancel()
	for _, d := range u.bus.Devices {
		for _, c := range u.table.Load().Last(d.ID) {
			if next.uses(c.Point.At.String()) {
				continue
			}
			if err := u.loop.Do(ctx, c); err != nil {
				log.Error("the point does not have its value for a stop", "bus", u.bus.Name, "device", d.ID, "point", c.Point.Name, "error", err)
			}
		}
	}
}

// uses says whether a point of the bus stands at a place.
func (b *Bus) uses(place string) bool {
	return slices.ContainsFunc(b.points(), func(p *drivers.Point) bool { return p.At.String() == place })
}

func (b *Bus) has(device string) bool {
	return slices.ContainsFunc(b.Devices, func(d Device) bool { return d.ID == device })
}
