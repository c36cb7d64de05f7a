package serial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldmq/drivers"
)

// exchange is a request that waits for its answer. The reader offers it
// frames; both hold the lock of the bus.
type exchange struct {
	take     func(frame []byte, at time.Time) (taken, complete bool)
	news     chan struct{} // something was taken
	begun    bool          // a part of the answer is there
	complete bool
	other    string // the first frame that nobody takes: a refusal, perhaps
}

func newExchange(take func([]byte, time.Time) (taken, complete bool)) *exchange {
	return &exchange{take: take, news: make(chan struct{}, 1)}
}

func (x *exchange) offer(frame []byte, at time.Time) bool {
	if x.complete {
		return false
	}
	taken, complete := x.take(frame, at)
	if taken {
		x.begun, x.complete = true, complete
		poke(x.news)
	}
	return taken
}

func (x *exchange) stray(frame []byte) {
	if x.other == "" {
		x.other = quote(string(frame))
	}
}

// do sends a request and waits until the exchange is complete, until the
// device has been silent for a while within its answer, or for the time-out.
// Without any part of an answer the error wraps drivers.ErrOffline, and the
// line rests for as long again: a late answer must not be taken for that to the
// next request.
func (b *bus) do(ctx context.Context, a *Address, request []byte, x *exchange) error {
	if err := b.waitForRest(ctx); err != nil {
		return err
	}
	err := b.exchangeNow(ctx, a, request, x)
	rest := a.pause()
	if errors.Is(err, drivers.ErrOffline) {
		rest = max(rest, a.timeout())
	}
	b.rest = time.Now().Add(rest)
	return err
}

func (b *bus) exchangeNow(ctx context.Context, a *Address, request []byte, x *exchange) error {
	b.begin(x)
	defer b.end()
	if _, err := b.line.Write(request); err != nil {
		return err
	}
	b.log.Debug("request sent", "bytes", len(request))
	onWire := time.Duration(len(request)) * b.settings.Char()
	return b.await(ctx, x, onWire+a.timeout())
}

func (b *bus) waitForRest(ctx context.Context) error { return b.wait(ctx, b.rest, nil) }

// wait waits until a time, or less where early is closed before. It fails with the
// context or the line.
func (b *bus) wait(ctx context.Context, until time.Time, early <-chan struct{}) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.gone:
		return b.lost()
	case <-timer.C:
	case <-early:
	}
	return ctx.Err()
}

// begin makes the exchange the one that frames are offered to. What stands in
// the splitter after a silence is no part of the answer.
func (b *bus) begin(x *exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		b.splitter.drop()
	}
	b.splitter.faults = faults{}
	b.exchange = x
}

func (b *bus) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exchange = nil
}

func (b *bus) await(ctx context.Context, x *exchange, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.gone:
			return b.lost()
		case <-timer.C:
			return b.verdict(x)
		case <-x.news:
		}
		b.mu.Lock()
		complete := x.complete
		b.mu.Unlock()
		if complete {
			return nil
		}
		timer.Reset(quiet) // the rest of an answer follows at once
	}
}

// verdict is what has become of an exchange whose time is up.
func (b *bus) verdict(x *exchange) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x.begun {
		return nil
	}
	return b.splitter.explain()
}

// Reasons why a device that is not quite silent is offline.
var (
	errChecksum  = fmt.Errorf("%w, but frames with a wrong checksum", drivers.ErrOffline)
	errUnmatched = fmt.Errorf("%w, but frames that do not match", drivers.ErrOffline)
	errGarbage   = fmt.Errorf("%w, but bytes that make no frame", drivers.ErrOffline)
)

// explain says why there is no value.
func (f faults) explain() error {
	switch {
	case f.checksum > 0:
		return errChecksum
	case f.unmatched > 0:
		return errUnmatched
	case f.garbage > 0:
		return errGarbage
	}
	return drivers.ErrOffline
}
