package modbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fieldmq/drivers"
)

// link carries requests to the units of a bus and their answers back.
type link interface {
	// ask puts requests to one unit and returns an answer to each, in order.
	// After a silence the rest is not sent and counts as unanswered. An error
	// wraps drivers.ErrBus, or ctx has ended.
	ask(ctx context.Context, unit byte, timeout time.Duration, requests []*pdu) ([]answer, error)
	// cost is what a read of a unit takes, as far as it is known.
	cost(unit byte) cost
	Close() error
}

// answer is what came of one request.
type answer struct {
	data []byte // behind the function code; belongs to the receiver
	at   time.Time
	err  error // an Exception, unheard, or drivers.ErrOffline
}

// Bus is an open Modbus bus. As with every drivers.Bus, one goroutine uses it.
type Bus struct {
	link  link
	log   *slog.Logger
	plans map[planKey]plan
	known map[*Device]*lessons
}

// planKey is a slice of points; callers use the same one again and again.
type planKey struct {
	points **drivers.Point
	n      int
}

type plan struct {
	requests []Request
	cost     cost
}

// maxPlans bounds the memory that plans take, should a caller not keep its
// slices.
const maxPlans = 1024

var _ drivers.Bus = (*Bus)(nil)

func newBus(l link, log *slog.Logger) *Bus {
	return &Bus{link: l, log: log, plans: make(map[planKey]plan), known: make(map[*Device]*lessons)}
}

// Close releases the line or the connection.
func (b *Bus) Close() error { return b.link.Close() }

// Read reads points of one device in as little time of the bus as it can.
func (b *Bus) Read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	if len(points) == 0 {
		return nil, ctx.Err()
	}
	r := newReading(b, points)
	if err := r.run(ctx, b.plan(r.device, points)); err != nil {
		return nil, fmt.Errorf("read unit %d: %w", r.device.Unit, err)
	}
	return r.samples, nil
}

// Request puts one request to a unit and returns the data of its answer, both
// without their function code. A unit that declines gives an Exception. It
// knows function codes 1 to 6, 15, 16, 22 and 23.
func (b *Bus) Request(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error) {
	request := &pdu{FunctionCode: function, Data: data}
	if !wellFormed(request) {
		return nil, fmt.Errorf("function code %d with %d bytes is no request that we know", function, len(data))
	}
	answers, err := b.link.ask(ctx, unit, timeout, []*pdu{request})
	if err != nil {
		return nil, err
	}
	return answers[0].data, answers[0].err
}

// plan returns the reads for points, as remembered or made anew when the cost
// of a request has turned out to be different.
func (b *Bus) plan(d *Device, points []*drivers.Point) []Request {
	key := planKey{&points[0], len(points)}
	now := b.link.cost(byte(d.Unit))
	if p, ok := b.plans[key]; ok && similar(p.cost.request, now.request) {
		return p.requests
	}
	if len(b.plans) >= maxPlans {
		clear(b.plans)
	}
	p := plan{planner{d, now, b.lessons(d)}.plan(points), now}
	b.plans[key] = p
	b.log.Debug("planned", "device", points[0].Device, "points", len(points), "requests", len(p.requests))
	return p.requests
}

func similar(a, b time.Duration) bool { return 2*a <= 3*b && 2*b <= 3*a }

func (b *Bus) lessons(d *Device) *lessons {
	if b.known[d] == nil {
		b.known[d] = newLessons()
	}
	return b.known[d]
}

// Waits before a busy device is asked once more.
var busyWaits = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond}

// ask is link.ask, but patient with devices that are busy for a moment.
func (b *Bus) ask(ctx context.Context, d *Device, requests []*pdu) ([]answer, error) {
	answers, err := b.link.ask(ctx, byte(d.Unit), d.Timeout.D(), requests)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		for _, wait := range busyWaits {
			if !worthRepeating(requests[i], answers[i].err) {
				break
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, err
			}
			again, err := b.link.ask(ctx, byte(d.Unit), d.Timeout.D(), requests[i:i+1])
			if err != nil {
				return nil, err
			}
			answers[i] = again[0]
		}
		b.trace(d, requests[i], answers[i])
	}
	return answers, nil
}

// worthRepeating: a device that acknowledges a write is at work on it, and must
// not be told twice. (APS 7, code 5)
func worthRepeating(request *pdu, err error) bool {
	var e Exception
	return errors.As(err, &e) && e.passing() && (reads(request) || e != acknowledge)
}

func (b *Bus) trace(d *Device, request *pdu, a answer) {
	if b.log.Enabled(context.Background(), slog.LevelDebug) {
		b.log.Debug("exchange", "unit", d.Unit, "function", request.FunctionCode,
			"first", address(request), "error", a.err)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
