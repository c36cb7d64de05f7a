package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fieldmq/drivers"
)

var (
	_ drivers.Bus     = (*bus)(nil)
	_ drivers.Watcher = (*bus)(nil)
)

// bus is an open chip and the lines that were requested of it. One goroutine
// of its own follows the edges, so that none waits for who is interested.
type bus struct {
	chip     chip
	swinger  swinger
	tempo    tempo // of the chip
	settings *Settings
	log      *slog.Logger
	tasks    sync.WaitGroup
	quit     chan struct{} // closed by Close
	wake     chan struct{} // a value is pending that run does not know of
	news     chan struct{} // Watch has something to tell

	// wire is held by whoever asks the chip; mu never is while it answers.
	wire   sync.Mutex
	closed bool
	// dimmers are the points that are PWM outputs and were taken.
	dimmers map[*drivers.Point]dimmer

	mu      sync.Mutex
	pins    map[int]*pin            // by offset
	points  map[*drivers.Point]*pin // with an open line
	watched map[*drivers.Point]bool // nil while nobody watches
	changes []drivers.Sample        // of those, not told yet
}

// memory is the number of changes that wait for Watch. The oldest go first:
// the newest one is what a line is.
const memory = 1024

func newBus(c chip, s *Settings, log *slog.Logger) *bus {
	b := &bus{
		chip:     c,
		swinger:  s.swinger(c),
		settings: s,
		log:      log,
		quit:     make(chan struct{}),
		wake:     make(chan struct{}, 1),
		news:     make(chan struct{}, 1),
		pins:     make(map[int]*pin),
		points:   make(map[*drivers.Point]*pin),
		dimmers:  make(map[*drivers.Point]dimmer),
	}
	if t, ok := c.(timed); ok {
		b.tempo = t.time()
	}
	b.tasks.Go(b.run)
	return b
}

// run follows edges and debounces them until the bus is closed or lost.
func (b *bus) run() {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-b.quit:
			return
		case <-b.chip.gone():
			return
		case e := <-b.chip.heard():
			b.edge(e)
		case <-b.wake:
		case <-alarm.C:
		}
		alarm.Reset(b.settle())
	}
}

func (b *bus) edge(e edge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pins[e.offset]; p != nil {
		p.tell(false, e.level, e.at)
		s, changed := p.edge(e, b.tempo.now())
		b.note(p, s, changed)
	}
}

// settle lets through what has held, and returns how long nothing will be due.
func (b *bus) settle() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, wait := b.tempo.now(), time.Hour
	for _, p := range b.pins {
		s, changed := p.settle(now)
		b.note(p, s, changed)
		if due, pending := p.filter.due(); pending {
			wait = min(wait, b.tempo.ours(due).Sub(b.tempo.ours(now)))
		}
	}
	return wait
}

// note keeps a change of a pin for Watch, and lets it know of counts.
func (b *bus) note(p *pin, s drivers.Sample, changed bool) {
	if !b.watched[p.point] {
		return
	}
	if changed {
		if len(b.changes) == memory {
			b.changes = b.changes[1:]
		}
		s.Time = b.tempo.ours(s.Time)
		b.changes = append(b.changes, s)
	}
	if changed || p.fresh {
		poke(b.news)
	}
}

// poke fills a channel of one place, unless it is full.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Read returns the levels and counts of this instant. It requests lines that
// are not in use yet; one that cannot be had is refused.
func (b *bus) Read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	samples := make([]drivers.Sample, len(points))
	for i, p := range points {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, err := b.read(p)
		if errors.Is(err, errLost) {
			return nil, fmt.Errorf("read %s: %w: %w", p.At, drivers.ErrBus, err)
		}
		s.Err = err
		samples[i] = s
	}
	return samples, nil
}

func (b *bus) read(point *drivers.Point) (drivers.Sample, error) {
	b.wire.Lock()
	defer b.wire.Unlock()
	if point.At.(*Address).Dimmed() {
		return b.readDuty(point)
	}
	sample := drivers.Sample{Point: point, Time: time.Now()}
	p, err := b.pin(point)
	if err != nil {
		return sample, err
	}
	level, err := p.line.get()
	if err != nil {
		return sample, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.tell(false, level, time.Time{})
	now := b.tempo.now()
	value, missed, changed := p.read(level, now)
	b.note(p, missed, changed)
	poke(b.wake)
	sample.Time, sample.Value = b.tempo.ours(now), value
	return sample, nil
}

// Write sets outputs.
func (b *bus) Write(ctx context.Context, commands []drivers.Command) error {
	for _, c := range commands {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := b.write(c)
		if errors.Is(err, errLost) {
			err = fmt.Errorf("%w: %w", drivers.ErrBus, err)
		}
		if err != nil {
			return fmt.Errorf("write %v: %w", c.Point, err)
		}
	}
	return nil
}

func (b *bus) write(c drivers.Command) error {
	b.wire.Lock()
	defer b.wire.Unlock()
	a := c.Point.At.(*Address)
	if b.settings.looking {
		return fmt.Errorf("%w: %s is only looked at", drivers.ErrRefused, a)
	}
	if a.Dimmed() {
		return b.writeDuty(c)
	}
	if !a.Output() {
		return fmt.Errorf("%w: %s is an input", drivers.ErrRefused, a)
	}
	if c.Value.Kind() == drivers.KindNone || c.Value.Kind() == drivers.KindText {
		return fmt.Errorf("%w: %q is not true or false", drivers.ErrRefused, c.Value)
	}
	p, err := b.pin(c.Point)
	if err != nil {
		return err
	}
	return p.set(a.flip(c.Value.Bool()))
}

// Close releases all lines, and waits for what the bus has started.
func (b *bus) Close() error {
	close(b.quit)
	b.wire.Lock()
	defer b.wire.Unlock()
	b.closed = true
	var errs []error
	for _, p := range b.points {
		errs = append(errs, p.release())
	}
	for _, d := range b.dimmers {
		errs = append(errs, d.Close())
	}
	errs = append(errs, b.chip.Close())
	b.tasks.Wait()
	for point, p := range b.points {
		if p.at.Counter() {
			b.settings.SetCount(point, p.count)
		}
	}
	return errors.Join(errs...)
}
