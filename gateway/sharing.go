package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/gateway/arbiter"
	"fieldmq/gateway/poll"
)

// sharing is what lets others use the bus beside the gateway: other masters
// under serve, and tools. It is made before the loop, which tells it of the bus.
type sharing struct {
	bus     *Bus
	log     *slog.Logger
	tools   *tools
	arbiter *arbiter.Arbiter // nil: nobody is served

	book *lessons

	timeout atomic.Pointer[func(unit byte) time.Duration]
	desk    *desk // nil: the bus is the gateway itself
}

func newSharing(tools *tools, bus *Bus, book *lessons, log *slog.Logger) *sharing {
	return &sharing{tools: tools, bus: bus, book: book, log: log}
}

// opened is called by the loop when the bus was opened.
func (s *sharing) opened(bus drivers.Bus) {
	s.book.opened(bus)
	if s.arbiter != nil {
		s.arbiter.Watch(bus)
	}
}

// join gives the loop of the bus, before it runs.
func (s *sharing) join(loop *poll.Loop) {
	if s.bus.Driver == selfDriver {
		return
	}
	s.change(s.bus)
	timeout := func(unit byte) time.Duration { return (*s.timeout.Load())(unit) }
	if len(s.bus.Serve) > 0 {
		s.arbiter = arbiter.New(s.bus.Serve, loop, timeout, s.log)
	}
	s.desk = &desk{tools: s.tools, bus: s.bus, loop: loop, timeout: timeout, recorder: newRecorder(s.bus), book: s.book}
}

// change takes over how long the units of other devices may take.
func (s *sharing) change(bus *Bus) {
	timeouts := arbiter.Timeouts(bus.Settings, bus.points())
	s.timeout.Store(&timeouts)
}

// run serves until ctx ends.
func (s *sharing) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.arbiter != nil {
		group.Go(func() error { return s.arbiter.Run(ctx) })
	}
	if s.desk != nil {
		group.Go(func() error { return s.desk.run(ctx) })
	}
	return group.Wait()
}

// points are all points of the bus.
func (b *Bus) points() []*drivers.Point {
	var points []*drivers.Point
	for _, d := range b.Devices {
		for _, e := range d.Points {
			points = append(points, e.Point)
		}
	}
	return points
}

// serve checks the doors of a bus: they need one that speaks Modbus, and places
// that nobody else has.
func (r *reader) serve(section configs.Named, driver string, doors []arbiter.Config) {
	if len(doors) > 0 && !strings.HasPrefix(driver, "modbus-") {
		section.Bad("serve", "other masters speak Modbus, and the bus speaks %s", driver)
	}
	for i, d := range doors {
		key := fmt.Sprintf("serve[%d]", i)
		if where := d.Where(); slices.Contains(r.doors, where) {
			section.Bad(key, "%s is served twice", where)
		} else if !strings.HasSuffix(where, ":0") {
			r.doors = append(r.doors, where)
		}
	}
}
