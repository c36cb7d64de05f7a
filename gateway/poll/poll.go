// Package poll runs one bus: a single goroutine owns it, reads its devices on
// a schedule that does not drift, writes ahead of reads, and opens the bus
// again when it was lost. It knows points and samples, no topics.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fieldmq/drivers"
)

// Device is one device of the bus: what is read of it, and how often.
type Device struct {
	ID           string
	OfflineAfter int // polls in a row without an answer after which it is offline, 1 or more
	Groups       []Group
}

// Group are the points of a device that are read together.
type Group struct {
	Every  time.Duration // above zero
	Points []*drivers.Point
}

// Config is what a loop needs. Its functions are called from the loop's own
// goroutine, one at a time.
type Config struct {
	Name     string // of the bus
	Settings drivers.Settings
	Devices  []Device
	// Emit takes samples as they come, good and bad. It must not block for
	// long: the bus waits for it.
	Emit func([]drivers.Sample)
	// Asked is called before a device is read because someone asked for it.
	Asked func(device string)
	// Last is what is written when the loop ends, by device.
	Last func(device string) []drivers.Command
	// Report takes the health of a device when it changed, and once a minute.
	Report func(Health)
	// Opened is called with the bus each time that it was opened; may be nil.
	Opened func(drivers.Bus)
	Log    *slog.Logger
}

// Loop owns a bus. Run it once.
type Loop struct {
	cfg      Config
	devices  map[string]*device
	jobs     []*job
	calls    chan func(context.Context) // done by the loop's goroutine
	guests   chan func(context.Context) // those of others who share the bus
	watching *watch                     // nil while nothing is listened to
	bus      drivers.Bus                // nil while it is closed
	busErr   error                      // why it is closed, or was the last time
	nextOpen time.Time
	attempts int           // to have a bus that carries something, since one did
	vain     bool          // it was opened, and lost before it carried anything
	gathered time.Duration // that the last reads of several devices took
	ahead    int           // calls served in a row while a read was due
	guest    bool          // a guest was served since the last read
	timer    *time.Timer
	stats    stats
}

// New makes a loop that waits for Run.
func New(cfg Config) *Loop {
	l := &Loop{
		cfg:     cfg,
		devices: make(map[string]*device, len(cfg.Devices)),
		calls:   make(chan func(context.Context)),
		guests:  make(chan func(context.Context)),
	}
	for _, d := range cfg.Devices {
		dev := newDevice(d)
		l.devices[d.ID] = dev
		for _, g := range d.Groups {
			l.jobs = append(l.jobs, &job{device: dev, Group: g})
		}
	}
	spread(l.jobs)
	return l
}

// Run polls until ctx ends, then closes the bus, and returns nil.
func (l *Loop) Run(ctx context.Context) error {
	defer l.close()
	l.timer = time.NewTimer(longestIdle)
	defer l.timer.Stop()
	start := time.Now()
	for _, d := range l.devices {
		d.health.Since = start
	}
	for _, j := range l.jobs {
		j.start(start)
	}
	l.stats.schedule(l.jobs)
	for ctx.Err() == nil {
		l.step(ctx)
	}
	l.farewell(ctx)
	return nil
}

// maxAhead is how many calls go ahead of a read that is due, so that a flood
// of them cannot blind the gateway.
const maxAhead = 8

// step does the one thing that is most urgent, or waits for one: calls first,
// then a guest and the read with the earliest deadline by turns.
func (l *Loop) step(ctx context.Context) {
	l.stats.beat(time.Now())
	if l.bus == nil && !time.Now().Before(l.nextOpen) {
		l.open(ctx)
	}
	next := earliest(l.jobs)
	if next == nil || time.Now().Before(next.due) {
		l.wait(ctx, l.wake(next))
		return
	}
	if l.ahead < maxAhead {
		select {
		case call := <-l.calls:
			l.ahead++
			call(ctx)
			return
		default:
		}
	}
	l.ahead = 0
	if !l.guest {
		select {
		case call := <-l.guests:
			l.guest = true
			call(ctx)
			return
		default:
		}
	}
	l.guest = false
	l.stats.started(time.Since(next.due))
	if due := l.together(next); len(due) > 1 {
		l.gather(ctx, due)
		return
	}
	_ = l.poll(ctx, next) // what came of it was emitted and judged
}

// wait serves one call that comes before the time is up.
func (l *Loop) wait(ctx context.Context, until time.Time) {
	l.timer.Reset(time.Until(until))
	select {
	case <-ctx.Done():
	case <-l.timer.C:
	case call := <-l.calls:
		call(ctx)
	case call := <-l.guests:
		l.guest = true
		call(ctx)
	}
}

// wake is when there is something to do by the clock.
func (l *Loop) wake(next *job) time.Time {
	at := time.Now().Add(longestIdle)
	if next != nil && next.due.Before(at) {
		at = next.due
	}
	if l.bus == nil && l.nextOpen.Before(at) {
		at = l.nextOpen
	}
	return at
}

// poll reads one group and says what came of it; it fails when the device did
// not answer.
func (l *Loop) poll(ctx context.Context, j *job) error {
	began := time.Now()
	samples, err := l.read(ctx, j.Points)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	took := time.Since(began)
	l.polled(j, took, took, samples, err)
	return j.device.lastErr
}

// polled emits and judges what a group read, or failed to. It took so long for
// the device, and so much of the bus.
func (l *Loop) polled(j *job, trip, busy time.Duration, samples []drivers.Sample, err error) {
	now := time.Now()
	if err != nil {
		samples = silent(j.Points, now, err)
	}
	l.cfg.Emit(samples)
	l.judge(j.device, samples, trip)
	l.stats.polled(busy, j.done(later(now, j.due), l.rest(j.device, trip)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// read asks the bus, or says why there is none.
func (l *Loop) read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	if l.bus == nil {
		return nil, l.busErr
	}
	samples, err := l.bus.Read(ctx, points)
	if err != nil && ctx.Err() == nil {
		l.lose(err)
	}
	return samples, err
}

// silent is what a group's points are while its bus is gone.
func silent(points []*drivers.Point, now time.Time, err error) []drivers.Sample {
	samples := make([]drivers.Sample, len(points))
	for i, p := range points {
		samples[i] = drivers.Sample{Point: p, Time: now, Err: offline{err}}
	}
	return samples
}

// offline makes the loss of a bus read as the silence of its devices.
type offline struct{ cause error }

func (e offline) Error() string   { return drivers.ErrOffline.Error() }
func (e offline) Unwrap() []error { return []error{drivers.ErrOffline, e.cause} }

// hear takes samples that came unasked.
func (l *Loop) hear(samples []drivers.Sample) {
	for len(samples) > 0 {
		id := samples[0].Point.Device
		n := 1
		for n < len(samples) && samples[n].Point.Device == id {
			n++
		}
		l.cfg.Emit(samples[:n])
		if d := l.devices[id]; d != nil {
			l.judge(d, samples[:n], 0)
		}
		samples = samples[n:]
	}
}

// Do writes the commands, all of one device, ahead of reads, and returns when
// the device has agreed, or with the reason why not. Once ctx has ended they
// are not sent any more.
func (l *Loop) Do(ctx context.Context, commands ...drivers.Command) error {
	if len(commands) == 0 {
		return nil
	}
	return l.order(ctx, l.calls, func(ctx context.Context) error {
		d, err := l.device(commands[0].Point.Device)
		if err != nil {
			return err
		}
		return l.write(ctx, d, commands)
	})
}

// Poll reads all points of a device now; its samples are emitted as always.
// It fails if the device does not answer.
func (l *Loop) Poll(ctx context.Context, device string) error {
	return l.order(ctx, l.calls, func(ctx context.Context) error {
		d, err := l.device(device)
		if err != nil {
			return err
		}
		return l.pollAll(ctx, d)
	})
}

// device is called in the loop's goroutine, for the devices may change.
func (l *Loop) device(id string) (*device, error) {
	d := l.devices[id]
	if d == nil {
		return nil, fmt.Errorf("bus %s has no device %q", l.cfg.Name, id)
	}
	return d, nil
}

// Exchange lends the bus for one exchange to someone else who shares it: another
// master, a tool. While reads are due they and such exchanges take turns, so
// that neither starves the other. It fails with drivers.ErrOffline while the bus
// is closed; an error of do that wraps drivers.ErrBus closes it.
func (l *Loop) Exchange(ctx context.Context, do func(context.Context, drivers.Bus) error) error {
	return l.order(ctx, l.guests, func(ctx context.Context) error {
		if l.bus == nil {
			return fmt.Errorf("%w: %w", drivers.ErrOffline, l.busErr)
		}
		began := time.Now()
		err := do(ctx, l.bus)
		l.stats.lent(time.Since(began))
		switch {
		case errors.Is(err, drivers.ErrBus):
			l.lose(err)
		case err == nil:
			l.alive()
		}
		return err
	})
}

// order has the loop's goroutine do something and waits for the outcome. What
// it has begun ends soon, because every exchange has a time-out: the caller
// learns what became of it rather than that its patience ended.
func (l *Loop) order(ctx context.Context, queue chan<- func(context.Context), do func(context.Context) error) error {
	done := make(chan error, 1)
	call := func(loop context.Context) {
		if err := ctx.Err(); err != nil {
			done <- err
			return
		}
		done <- do(loop)
	}
	select {
	case queue <- call:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Loop) write(ctx context.Context, d *device, commands []drivers.Command) error {
	if l.bus == nil {
		return fmt.Errorf("%w: %w", drivers.ErrOffline, l.busErr)
	}
	began := time.Now()
	err := l.bus.Write(ctx, commands)
	l.stats.wrote(time.Since(began))
	switch {
	case errors.Is(err, drivers.ErrBus):
		l.lose(err)
	case err == nil:
		l.alive()
	}
	// What was written is read back at once, also after a failure: part of
	// it may have been applied.
	for _, j := range l.jobs {
		if j.device == d && j.holds(commands) {
			j.due = time.Now()
		}
	}
	return err
}

func (l *Loop) pollAll(ctx context.Context, d *device) error {
	l.cfg.Asked(d.ID)
	var err error
	for _, j := range l.jobs {
		if j.device == d {
			err = errors.Join(err, l.poll(ctx, j))
		}
	}
	return err
}
