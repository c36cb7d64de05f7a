package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldmq/mapping"
)

// RestartError says that a configuration cannot be put into force while the
// gateway runs; nothing of it was.
type RestartError struct {
	Keys []string // that only a restart changes
}

func (e *RestartError) Error() string {
	return strings.Join(e.Keys, ", ") + ": takes a restart; nothing was changed"
}

// Reload puts a configuration that was read again into force, while the gateway
// runs. Buses, devices, upstreams and listeners that are as they were are not
// touched. It fails, and changes nothing, if a port cannot be had, a file cannot
// be read, or something changed that takes a restart. What it returns is what
// it did, in words.
func (g *Gateway) Reload(ctx context.Context, config *Config) (changes []string, err error) {
	done := make(chan struct{})
	task := func() {
		defer close(done)
		changes, err = g.apply(config)
	}
	select {
	case g.tasks <- task:
		<-done
		return changes, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TakesRestart are the keys that were others before, and that only a restart
// puts into force.
func (c *Config) TakesRestart(before *Config) []string {
	return changed(before.marks.fixed, c.marks.fixed)
}

// apply runs in the goroutine of Run.
func (g *Gateway) apply(config *Config) ([]string, error) {
	if fixed := config.TakesRestart(g.config); len(fixed) > 0 {
		return nil, &RestartError{fixed}
	}
	c := &change{gateway: g, before: g.config, config: config}
	monitor, err := c.openMonitor()
	if err != nil {
		return nil, err
	}
	if err := g.service.Reload(g.running.field, &config.Broker); err != nil {
		if monitor != g.monitor && monitor != nil {
			monitor.Close()
		}
		return nil, err
	}
	c.watch(monitor)
	c.field()
	c.links()
	c.broker()
	g.service.levels.Set(&config.Log)
	if c.config.HomeAssistant != c.before.HomeAssistant {
		c.say("homeassistant: changed")
	}
	g.settle(c.config.HomeAssistant)
	g.config = config
	g.tools.set(config.General.Tools)
	return c.said, c.err
}

// change is one configuration on its way into the place of another.
type change struct {
	gateway        *Gateway
	before, config *Config
	said           []string
	err            error // should not be: what can fail was tried before
}

func (c *change) say(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *change) fail(err error) {
	if err != nil && c.err == nil {
		c.err = err
	}
}

// field changes the buses: first all that goes, then all that comes, so that a
// device can move from one to the other.
func (c *change) field() {
	g := c.gateway
	buses := g.buses(c.config)
	c.config.marks.device(&buses[0].Devices[0]) // the gateway's own figures follow from its buses
	topics, devices := g.topics(), g.devices()
	kept := map[string]*status{}
	for key, u := range g.units {
		next := slices.IndexFunc(buses, func(b Bus) bool { return b.key() == key })
		switch {
		case next < 0:
			g.end(u)
			c.leave(u, nil)
			c.say("bus %s: removed", u.bus.Name)
		case c.config.marks.buses[u.bus.Name] != c.before.marks.buses[u.bus.Name]:
			u.again.Store(true)
			g.end(u)
			c.leave(u, &buses[next])
			kept[key] = u.status
			c.say("bus %s: changed", u.bus.Name)
		default:
			c.merge(&u.bus, &buses[next])
			c.shrink(u, buses[next])
		}
	}
	c.clean(topics, devices, buses)
	for _, b := range buses {
		c.arrive(b, kept[b.key()])
	}
	slices.Sort(c.said)
}

// leave ends the sessions of devices that the next bus has not.
func (c *change) leave(u *unit, next *Bus) {
	for _, d := range u.bus.Devices {
		if next == nil || !next.has(d.ID) {
			u.status.forget(d.ID)
		}
	}
}

// merge takes over from a bus what stays as it is: whole devices, and the points
// of others, so that whoever knows them by their address still does.
func (c *change) merge(old, next *Bus) {
	before, now := &c.before.marks, &c.config.marks
	for i := range next.Devices {
		d := &next.Devices[i]
		at := slices.IndexFunc(old.Devices, func(o Device) bool { return o.ID == d.ID })
		if at < 0 {
			continue
		}
		if before.devices[d.ID] == now.devices[d.ID] {
			*d = old.Devices[at] // it is in use, and only read from here
			for _, e := range d.Points {
				now.points[e.Point] = before.points[e.Point]
			}
			continue
		}
		for n := range d.Points {
			p := &d.Points[n].Point
			for _, e := range old.Devices[at].Points {
				if mark, known := before.points[e.Point]; known && e.Point.Name == (*p).Name && mark == now.points[*p] {
					*p = e.Point
					now.points[*p] = mark
				}
			}
		}
	}
}

// stays says whether a device is as it was.
func (c *change) stays(device string) bool {
	mark, known := c.before.marks.devices[device]
	return known && mark == c.config.marks.devices[device]
}

// shrink changes a bus to those devices that it had before.
func (c *change) shrink(u *unit, next Bus) {
	had := u.bus
	next.Devices = slices.Clone(next.Devices)
	next.Devices = slices.DeleteFunc(next.Devices, func(d Device) bool { return !had.has(d.ID) })
	if len(next.Devices) == len(had.Devices) && !slices.ContainsFunc(next.Devices, func(d Device) bool { return !c.stays(d.ID) }) {
		return
	}
	for _, d := range next.Devices {
		if !c.stays(d.ID) && u.bus.key() != "" {
			c.say("device %s: changed", d.ID)
		}
	}
	c.fail(c.gateway.change(u, next, c.stays))
}

// arrive starts a bus that is not there, or changes one that is to the devices
// that come.
func (c *change) arrive(bus Bus, kept *status) {
	g := c.gateway
	u := g.units[bus.key()]
	switch {
	case u == nil:
		if kept == nil {
			c.say("bus %s: added", bus.Name)
		}
		c.fail(g.start(g.running.field, g.running.serving, bus, kept))
	case len(u.bus.Devices) != len(bus.Devices):
		had := u.bus // change puts another in its place
		c.fail(g.change(u, bus, had.has))
	}
}

// clean takes away what is retained of devices and points that are gone, and
// says of devices that come that nothing has answered yet.
func (c *change) clean(topics []string, devices map[string]bool, buses []Bus) {
	g := c.gateway
	now := map[string]bool{}
	for _, b := range buses {
		for _, d := range b.Devices {
			if !devices[d.ID] {
				c.say("device %s: added", d.ID)
				g.tell(mapping.Status(d.ID, false))
			}
			delete(devices, d.ID)
		}
		for _, topic := range b.topics() {
			now[topic] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(devices)) {
		c.say("device %s: removed", id)
		g.tell(mapping.Status(id, false)) // those who listen now learn it, too
	}
	g.tell(mapping.Empty(slices.DeleteFunc(topics, func(t string) bool { return now[t] })...)...)
}

// links changes the bridges.
func (c *change) links() {
	g := c.gateway
	before, now := c.before.marks.upstreams, c.config.marks.upstreams
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if now[name] == before[name] {
			continue
		}
		if _, stays := now[name]; !stays {
			c.say("upstream %s: removed", name)
			g.figures.bridge(name, nil)
		}
		if g.links[name] != nil {
			g.unlink(name)
		}
	}
	for _, u := range c.config.Upstreams {
		if g.links[u.Name] != nil {
			continue
		}
		word := "added"
		if _, was := before[u.Name]; was {
			word = "changed"
		}
		c.say("upstream %s: %s", u.Name, word)
		b, err := g.prepare(g.running.serving, u)
		if err != nil {
			g.log.Error("cannot open the bridge", "upstream", u.Name, "error", err)
			continue
		}
		g.link(g.running.serving, u, b)
	}
	g.endFeeds()
}

// openMonitor takes the port of a changed section metrics. One at the same
// address takes the socket over.
func (c *change) openMonitor() (*monitor, error) {
	g := c.gateway
	switch {
	case c.config.Metrics == c.before.Metrics:
		return g.monitor, nil
	case g.monitor == nil || c.config.Metrics.Listen != c.before.Metrics.Listen:
		return openMonitor(g.running.field, c.config.Metrics)
	}
	ln, err := double(g.monitor.Listener)
	return &monitor{config: c.config.Metrics, Listener: ln, ended: make(chan struct{})}, err
}

// watch puts another monitor into the place of the present one.
func (c *change) watch(m *monitor) {
	g := c.gateway
	if m == g.monitor {
		return
	}
	c.say("metrics: changed")
	g.monitor.end()
	g.serve(g.running.serving, m)
}

// broker tells of what the broker has taken already.
func (c *change) broker() {
	before, now := &c.before.Broker, &c.config.Broker
	if digestOf(before.Listen) != digestOf(now.Listen) {
		c.say("broker.listen: changed")
	}
	if before.Users != now.Users {
		c.say("broker.users: changed")
	}
	if digestOf(before.Access) != digestOf(now.Access) {
		c.say("broker.access: changed")
	}
	for _, key := range changed(digestsOf("broker", before.Config), digestsOf("broker", now.Config)) {
		c.say("%s: changed", key)
	}
}
