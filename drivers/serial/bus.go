package serial

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/line"
)

var (
	_ drivers.Bus     = (*bus)(nil)
	_ drivers.Watcher = (*bus)(nil)
)

// bus is an open line. One goroutine of its own reads it, cuts what comes into
// frames and gives each frame to whom it concerns: the exchange that waits for
// it, else the points that listen.
type bus struct {
	line     *line.Line
	settings *Settings
	log      *slog.Logger
	tasks    sync.WaitGroup
	quit     chan struct{} // closed by Close
	gone     chan struct{} // closed when the line is lost, by the reader
	rest     time.Time     // no request before; belongs to Read and Write
	news     chan struct{} // Watch has something to tell
	opened   time.Time
	first    chan struct{} // closed when a point that listens has heard something

	mu       sync.Mutex
	cause    error // why the line is lost
	splitter *splitter
	silent   bool // nothing came since the line was opened, or for Frame.silence
	sources  map[*drivers.Point]*source
	ears     []*source // those that listen, in the order of their first use
	exchange *exchange // nil while nobody waits for an answer
	watched  map[*drivers.Point]bool
	heard    []drivers.Sample // of those, not told yet
}

// memory is the number of samples that wait for Watch. The oldest go first.
const memory = 1024

// settling is how long a new bus listens before its first request, so that it
// does not take the end of what a device is saying for an answer. USB adapters
// keep bytes back for 16 ms.
const settling = 20 * time.Millisecond

func newBus(l *line.Line, s *Settings, log *slog.Logger) *bus {
	b := &bus{
		line:     l,
		settings: s,
		log:      log,
		quit:     make(chan struct{}),
		gone:     make(chan struct{}),
		news:     make(chan struct{}, 1),
		opened:   time.Now(),
		first:    make(chan struct{}),
		rest:     time.Now().Add(settling),
		silent:   true,
		splitter: newSplitter(&s.Frame),
		sources:  make(map[*drivers.Point]*source),
	}
	b.tasks.Go(b.listen)
	return b
}

// listen reads the line until it is closed or lost.
func (b *bus) listen() {
	b.line.SetReadTimeout(b.settings.Frame.silence())
	buf := make([]byte, 256)
	for {
		n, err := b.line.Read(buf)
		if err != nil {
			b.lose(err)
			return
		}
		b.take(buf[:n], time.Now())
	}
}

func (b *bus) lose(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause = err
	close(b.gone)
}

// lost is an error that wraps drivers.ErrBus once the line is lost.
func (b *bus) lost() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil || errors.Is(b.cause, drivers.ErrBus) {
		return b.cause
	}
	return fmt.Errorf("%w: %w", drivers.ErrBus, b.cause)
}

// take cuts what was read into frames. Nothing is a silence.
func (b *bus) take(p []byte, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	emit := func(frame []byte) { b.deliver(frame, now) }
	if b.silent = len(p) == 0; b.silent {
		b.splitter.silence(emit)
		return
	}
	b.splitter.push(p, emit)
}

// deliver gives a frame to the exchange that waits for it, or to the points
// that listen. An exchange keeps nothing of a frame.
func (b *bus) deliver(frame []byte, now time.Time) {
	if b.exchange != nil && b.exchange.offer(frame, now) {
		return
	}
	taken := false
	for _, s := range b.ears {
		if sample, ok := s.sample(frame, now); ok {
			s.last, s.fresh, taken = sample, true, true
			b.note(sample)
		}
	}
	if taken {
		b.hear()
		return
	}
	b.splitter.unmatched++
	b.log.Debug("frame that no point takes", "frame", quote(string(frame)))
	if b.exchange != nil {
		b.exchange.stray(frame)
	}
}

// hear notes that a point that listens has heard something.
func (b *bus) hear() {
	select {
	case <-b.first:
	default:
		close(b.first)
	}
}

// note keeps a sample for Watch.
func (b *bus) note(s drivers.Sample) {
	if !b.watched[s.Point] {
		return
	}
	if len(b.heard) == memory {
		b.heard = b.heard[1:]
	}
	b.heard = append(b.heard, s)
	poke(b.news)
}

// poke fills a channel of one place, unless it is full.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// source is the point, ready to be read; points that listen begin to.
func (b *bus) source(p *drivers.Point) (*source, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sources[p]; s != nil {
		return s, nil
	}
	s, err := newSource(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", drivers.ErrRefused, err)
	}
	b.sources[p] = s
	if s.listens() {
		b.ears = append(b.ears, s)
	}
	return s, nil
}

// Close releases the line, and ends what reads it.
func (b *bus) Close() error {
	close(b.quit)
	err := b.line.Close()
	b.tasks.Wait()
	return err
}
