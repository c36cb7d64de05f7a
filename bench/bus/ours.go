package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/gateway/poll"
)

// reader reads sites for a while.
type reader func(context.Context, time.Duration, ...*site) (tally, error)

// site is a bus as the gateway has it: the driver, and a loop that polls as fast
// as it can.
type site struct {
	settings drivers.Settings
	devices  []poll.Device
	want     []drivers.Value // of the points of each device: registers hold their numbers
}

// newSite reads the keys of a bus as from a file. Each device has the floats at
// the places, or so many plain registers from 0 on where there are none.
func newSite(driver drivers.Driver, keys string, units int, floats []int, plain int) (*site, error) {
	doc := configs.Parse("bench", []byte(keys), nil)
	settings := driver.New()
	doc.Root().Decode(settings)
	if f := doc.Faults(); len(f) > 0 {
		return nil, f
	}
	s := &site{settings: settings}
	for unit := 1; unit <= units; unit++ {
		id := fmt.Sprint("d", unit)
		d := configs.Parse("device", fmt.Appendf(nil, "unit: %d", unit), nil)
		device := settings.Device()
		d.Root().Decode(device)
		s.want = nil
		var points []*drivers.Point
		add := func(section string, want drivers.Value) {
			p := configs.Parse("point", []byte(section), nil)
			at := device.Address()
			p.Root().Decode(at)
			point := &drivers.Point{Device: id, Name: fmt.Sprint("p", len(points)), At: at}
			points = append(points, point)
			s.want = append(s.want, want)
		}
		for _, first := range floats {
			bits := uint32(first)<<16 | uint32(first+1)
			add(fmt.Sprintf("{holding: %d, type: float32}", first), drivers.Float(shortest(math.Float32frombits(bits))))
		}
		for n := range plain {
			add(fmt.Sprintf("{holding: %d}", n), drivers.Int(int64(n)))
		}
		s.devices = append(s.devices, poll.Device{ID: id, OfflineAfter: 3, Groups: []poll.Group{{Every: time.Microsecond, Points: points}}})
	}
	return s, nil
}

// each makes the site poll so often, not as fast as it can.
func (s *site) each(every time.Duration) {
	for i := range s.devices {
		s.devices[i].Groups[0].Every = every
	}
}

// tally is what came in a span.
type tally struct {
	values, wrong, failed int64
	cpu                   time.Duration
	took                  time.Duration
}

func (t tally) rate() float64 { return float64(t.values) / t.took.Seconds() }

// counter counts samples from the first that come after it was switched on to
// the last: reads come in lumps, and half of one at either end would count.
type counter struct {
	mu          sync.Mutex
	on          bool
	began, last time.Time
	tally
}

func (c *counter) take(samples []drivers.Sample, want []drivers.Value) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.on:
		return
	case c.began.IsZero():
		c.began = time.Now()
		return
	}
	c.last = time.Now()
	for i, sample := range samples {
		switch {
		case sample.Err != nil:
			c.failed++
		case sample.Value != want[i]:
			c.wrong++
		default:
			c.values++
		}
	}
}

func (c *counter) turn(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = on
}

// measure runs sites at the same time, for a while before it begins to count.
func measure(ctx context.Context, before, span time.Duration, sites ...*site) tally {
	var c counter
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	for _, s := range sites {
		loop := poll.New(poll.Config{
			Name: "bus", Settings: s.settings, Devices: s.devices, Log: slog.New(slog.DiscardHandler),
			Report: func(poll.Health) {}, Asked: func(string) {},
			Emit: func(samples []drivers.Sample) { c.take(samples, s.want) },
		})
		go func() {
			_ = loop.Run(ctx) // it returns nil
			ended <- struct{}{}
		}()
	}
	time.Sleep(before)
	runtime.GC() // what the making of the sites left behind
	cpu := used()
	c.turn(true)
	time.Sleep(span)
	c.turn(false)
	c.cpu = used() - cpu
	cancel()
	for range sites {
		<-ended
	}
	c.took = c.last.Sub(c.began)
	return c.tally
}

// alone reads all points of sites with the driver alone, at once or so often, and
// throws the samples away, as the loops of plain clients do.
func alone(every time.Duration) reader {
	return func(ctx context.Context, span time.Duration, sites ...*site) (tally, error) {
		return readAlone(ctx, every, span, sites...)
	}
}

func readAlone(ctx context.Context, every, span time.Duration, sites ...*site) (tally, error) {
	buses := make([]drivers.Bus, len(sites))
	for i, s := range sites {
		bus, err := s.settings.Open(ctx, slog.New(slog.DiscardHandler))
		if err != nil {
			return tally{}, err
		}
		defer bus.Close()
		buses[i] = bus
		for range 3 { // it connects, plans, and plans again with the time that requests take
			if _, err := s.readWith(ctx, bus); err != nil {
				return tally{}, err
			}
		}
	}
	runtime.GC()
	var values atomic.Int64
	var reading errgroup.Group
	cpu, began := used(), time.Now()
	for i, s := range sites {
		reading.Go(func() error {
			for due := began.Add(every); time.Since(began) < span; due = due.Add(every) {
				n, err := s.readWith(ctx, buses[i])
				if err != nil {
					return err
				}
				values.Add(int64(n))
				time.Sleep(time.Until(due))
			}
			return nil
		})
	}
	err := reading.Wait()
	return tally{values: values.Load(), cpu: used() - cpu, took: time.Since(began)}, err
}

// readWith reads all devices once, and says how many values there were.
func (s *site) readWith(ctx context.Context, bus drivers.Bus) (values int, err error) {
	for _, d := range s.devices {
		samples, err := bus.Read(ctx, d.Groups[0].Points)
		if err == nil {
			err = samples[0].Err
		}
		if err != nil {
			return 0, err
		}
		values += len(samples)
	}
	return values, nil
}

// used is the time of the processor that this process has had.
func used() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// shortest is a float32 as the float64 that is written alike.
func shortest(f float32) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return math.NaN()
	}
	return v
}
