package modbus

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"fieldmq/drivers"
)

// Bus is an open Modbus bus. As with every drivers.Bus, one goroutine uses it.
type Bus struct {
	link   link
	log    *slog.Logger
	plans  map[planKey]*plan
	places map[planKey]*located // of points in chains of SunSpec blocks
	known  map[*Device]*lessons
	busy   map[*Device]bool // were so the last time, however long we waited

	watcher func(Exchange) // nil: nobody watches
}

// planKey is a slice of points; callers use the same one again and again.
type planKey struct {
	points **drivers.Point
	n      int
}

func keyOf(points []*drivers.Point) planKey { return planKey{&points[0], len(points)} }

// plan is how some points are read, and how often it was used.
type plan struct {
	requests  []Request
	questions []question // the requests as they are put
	cost      cost
	samples   []drivers.Sample // room for those of a read, used again and again
	reading   reading          // likewise
	used      int
	lasting   int // uses before it is made anew
}

// mostLasting bounds how long a plan is kept whose cost has changed.
const mostLasting = 1 << 10

// maxPlans bounds the memory that plans take, should a caller not keep its
// slices.
const maxPlans = 1024

var (
	_ drivers.Bus      = (*Bus)(nil)
	_ drivers.Counter  = (*Bus)(nil)
	_ drivers.Gatherer = (*Bus)(nil)
)

func newBus(l link, log *slog.Logger) *Bus {
	return &Bus{
		link:   l,
		log:    log,
		plans:  make(map[planKey]*plan),
		places: make(map[planKey]*located),
		known:  make(map[*Device]*lessons),
		busy:   make(map[*Device]bool),
	}
}

// Close releases the line or the connection.
func (b *Bus) Close() error { return b.link.Close() }

// Counts are what happened with the unit of a point.
func (b *Bus) Counts(of *drivers.Point) drivers.Counts { return b.link.counts(at(of).Unit()) }

// Read reads points of one device in as little time of the bus as it can.
func (b *Bus) Read(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	if len(points) == 0 {
		return nil, ctx.Err()
	}
	samples, _, err := b.read(ctx, points, false)
	return samples, err
}

// read also returns what points were on the wire, if that is wanted. Only points
// whose registers are known have a plan.
func (b *Bus) read(ctx context.Context, points []*drivers.Point, raw bool) ([]drivers.Sample, [][]byte, error) {
	p := b.plans[keyOf(points)]
	if p != nil {
		return b.readPlain(ctx, points, p, raw)
	}
	if slices.ContainsFunc(points, isWriteOnly) {
		return b.readOthers(ctx, points, raw)
	}
	if slices.ContainsFunc(points, isSunspec) {
		return b.readLocated(ctx, points, raw)
	}
	return b.readPlain(ctx, points, p, raw)
}

// readPlain reads points whose registers are known; p is nil before their first
// plan.
func (b *Bus) readPlain(ctx context.Context, points []*drivers.Point, p *plan, raw bool) ([]drivers.Sample, [][]byte, error) {
	r := newReading(b, points, p)
	if raw { // for people, who may keep what they see
		r.samples, r.raw = make([]drivers.Sample, len(points)), make([][]byte, len(points))
	}
	if err := b.gather(ctx, r); err != nil {
		return nil, nil, fmt.Errorf("read unit %d: %w", r.device.Unit, err)
	}
	return r.samples, r.raw, nil
}

// Width is how many requests may be under way at a time.
func (b *Bus) Width() int { return b.link.width() }

// ReadAll reads points of several devices, with requests to several of them
// under way where the link has numbers for these. Points whose registers must be
// looked for are read one device after the other.
func (b *Bus) ReadAll(ctx context.Context, groups [][]*drivers.Point) ([][]drivers.Sample, error) {
	var readings []*reading
	samples := make([][]drivers.Sample, len(groups))
	for i, points := range groups {
		if slices.ContainsFunc(points, isSunspec) {
			var err error
			if samples[i], err = b.Read(ctx, points); err != nil {
				return nil, err
			}
			continue
		}
		r := newReading(b, points, b.plans[keyOf(points)])
		readings = append(readings, r)
		samples[i] = r.samples
	}
	if err := b.gather(ctx, readings...); err != nil {
		return nil, fmt.Errorf("read %d devices: %w", len(groups), err)
	}
	return samples, nil
}

// gather puts the requests of all readings at once, and then looks at what came.
func (b *Bus) gather(ctx context.Context, readings ...*reading) error {
	var questions []question
	for i, r := range readings {
		some := r.questions(b.plan(r.device, r.points, r.plan))
		if i == 0 {
			questions = slices.Clip(some) // as they stand, in most cases
		} else {
			questions = append(questions, some...)
		}
	}
	answers, err := b.put(ctx, questions)
	if err != nil {
		return err
	}
	for _, r := range readings {
		if err := r.finish(ctx, answers[:len(r.asked)]); err != nil {
			return err
		}
		answers = answers[len(r.asked):]
	}
	return nil
}

// plan returns the reads for points: those of old, or made anew when the cost of a
// request has turned out to be different. That is done less and less often: where
// costs vary all the time, planning would take more than it gives.
func (b *Bus) plan(d *Device, points []*drivers.Point, old *plan) *plan {
	now := b.link.cost(d.target())
	lasting := 0
	if old != nil {
		old.used++
		if old.used <= old.lasting || similar(old.cost.request, now.request) {
			return old
		}
		lasting = min(2*old.lasting+1, mostLasting)
	}
	if len(b.plans) >= maxPlans {
		clear(b.plans)
	}
	p := newPlan(d, planner{d, now, b.lessons(d)}.plan(points))
	p.cost, p.lasting, p.samples = now, lasting, make([]drivers.Sample, len(points))
	b.plans[keyOf(points)] = p
	b.log.Debug("planned", "device", points[0].Device, "points", len(points), "requests", len(p.requests))
	return p
}

func newPlan(d *Device, requests []Request) *plan {
	p := &plan{requests: requests}
	for _, r := range requests {
		p.questions = append(p.questions, d.question(r.pdu()))
	}
	return p
}

// similar says whether a plan is as good at either cost of a request. Where
// requests take next to nothing, other plans would save less than that.
func similar(a, b time.Duration) bool {
	const nothing = time.Millisecond
	return 2*a <= 3*b && 2*b <= 3*a || max(a, b) <= nothing
}

func (b *Bus) lessons(d *Device) *lessons {
	known := b.known[d]
	if known == nil {
		known = newLessons()
		b.known[d] = known
	}
	return known
}

// Waits before a busy device is asked once more.
var busyWaits = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond}

// ask is link.ask, but patient with devices that are busy for a moment. One
// that was still busy after all waits gets none until it has answered again, so
// that it does not hold up the others.
func (b *Bus) ask(ctx context.Context, d *Device, requests []*pdu) ([]answer, error) {
	questions := make([]question, len(requests))
	for i, r := range requests {
		questions[i] = d.question(r)
	}
	return b.put(ctx, questions)
}

// put is ask for several devices.
func (b *Bus) put(ctx context.Context, questions []question) ([]answer, error) {
	answers, err := b.link.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	for i := range questions {
		q, a := &questions[i], &answers[i]
		if err := b.waitOut(ctx, q, a); err != nil {
			return nil, err
		}
		b.trace(q, a)
		b.tell(q.to.unit, q.request, *a)
	}
	return answers, nil
}

// waitOut asks again where the device was busy.
func (b *Bus) waitOut(ctx context.Context, q *question, a *answer) error {
	if a.err == nil {
		if len(b.busy) > 0 {
			delete(b.busy, q.device)
		}
		return nil
	}
	if !worthRepeating(q.request, a.err) {
		return nil
	}
	for _, wait := range busyWaits {
		if b.busy[q.device] {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		again, err := b.link.ask(ctx, []question{*q})
		if err != nil {
			return err
		}
		if *a = again[0]; !worthRepeating(q.request, a.err) {
			return nil
		}
	}
	b.busy[q.device] = true
	return nil
}

// worthRepeating: a device that acknowledges a write is at work on it, and must
// not be told twice. (APS 7, code 5)
func worthRepeating(request *pdu, err error) bool {
	var e Exception
	return errors.As(err, &e) && e.passing() && (reads(request) || e != acknowledge)
}

func (b *Bus) trace(q *question, a *answer) {
	if b.log.Enabled(context.Background(), slog.LevelDebug) {
		b.log.Debug("exchange", "unit", q.to.unit, "function", q.request.FunctionCode,
			"first", address(q.request), "error", a.err,
			"request", fmt.Sprintf("%02x%02x%x", q.to.unit, q.request.FunctionCode, q.request.Data), "answer", hex.EncodeToString(a.data))
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
