package modbus

import (
	"context"
	"errors"
	"slices"
	"time"

	"fieldmq/drivers"
)

// reading is one Read of some points of a device.
type reading struct {
	bus     *Bus
	device  *Device
	known   *lessons
	points  []*drivers.Point
	samples []drivers.Sample
	raw     [][]byte // of the points, where it is asked for; else nil
	silence error    // why nothing more is asked of the device
}

func newReading(b *Bus, points []*drivers.Point) *reading {
	device := at(points[0]).device
	return &reading{
		bus:     b,
		device:  device,
		known:   b.lessons(device),
		points:  points,
		samples: make([]drivers.Sample, len(points)),
	}
}

// run asks for all that is planned, but for what was refused a short time ago.
func (r *reading) run(ctx context.Context, plan []Request) error {
	asked := make([]Request, 0, len(plan))
	for _, q := range plan {
		if !r.recall(q) {
			asked = append(asked, q)
		}
	}
	if len(asked) == 0 { // only an answer proves that the device is there
		asked = plan[:1]
	}
	requests := make([]*pdu, len(asked))
	for i, q := range asked {
		requests[i] = readRequest(q.Table, q.First, q.Count)
	}
	answers, err := r.bus.ask(ctx, r.device, requests)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(answers, heard) { // what is remembered counts no more
		for _, q := range plan {
			r.fail(q, answers[0].at, answers[0].err)
		}
		return nil
	}
	for _, a := range answers {
		r.hear(a)
	}
	for i, a := range answers {
		if _, err := r.take(ctx, asked[i], a); err != nil {
			return err
		}
	}
	return nil
}

// heard says whether an answer proves that the device is there.
func heard(a answer) bool { return !errors.Is(a.err, drivers.ErrOffline) }

// hear notes when a device has fallen silent.
func (r *reading) hear(a answer) {
	if silent(a.err) {
		r.silence = a.err
	}
}

// recall repeats the refusal of a point that was asked for not long ago.
func (r *reading) recall(q Request) bool {
	if len(q.Points) > 1 {
		return false
	}
	known, ok := r.known.refusals[r.place(q.Points[0])]
	if !ok || time.Since(known.at) >= retryRefused {
		return false
	}
	r.fail(q, known.at, known.exception)
	return true
}

func (r *reading) place(i int) place {
	a := at(r.points[i])
	return place{a.Table(), a.First(), a.end()}
}

// take makes samples of an answer, and says whether it had values. A refusal
// that may concern only a part of what was asked for is looked into.
func (r *reading) take(ctx context.Context, q Request, a answer) (bool, error) {
	if a.err == nil {
		r.succeed(q, a)
		return true, nil
	}
	var e Exception
	if !errors.As(a.err, &e) || !e.lasting() {
		r.fail(q, a.at, a.err)
		return false, nil
	}
	if cut := r.cut(q); cut > 0 && e != illegalFunction {
		return false, r.split(ctx, q, cut)
	}
	for _, i := range q.Points {
		r.known.refuse(r.place(i), e, a.at)
	}
	clear(r.bus.plans)
	r.fail(q, a.at, e)
	return false, nil
}

// split asks for the two halves of a refused read. When both have values it
// was the gap between them that the device does not have.
func (r *reading) split(ctx context.Context, q Request, cut int) error {
	left, right := r.part(q.Points[:cut]), r.part(q.Points[cut:])
	leftOK, err := r.fetch(ctx, left)
	if err != nil {
		return err
	}
	rightOK, err := r.fetch(ctx, right)
	if err != nil {
		return err
	}
	if leftOK && rightOK {
		r.known.part(gap{q.Table, left.First + left.Count, right.First})
		clear(r.bus.plans)
	}
	return nil
}

// fetch is one read whose answer is looked at before the next one is sent.
func (r *reading) fetch(ctx context.Context, q Request) (bool, error) {
	if r.silence != nil {
		r.fail(q, time.Now(), r.silence)
		return false, nil
	}
	answers, err := r.bus.ask(ctx, r.device, []*pdu{readRequest(q.Table, q.First, q.Count)})
	if err != nil {
		return false, err
	}
	r.hear(answers[0])
	return r.take(ctx, q, answers[0])
}

// part is the read of some of the points of another read, still in order.
func (r *reading) part(points []int) Request {
	first := r.place(points[0])
	end := first.end
	for _, i := range points {
		end = max(end, r.place(i).end)
	}
	return Request{
		Unit:   byte(r.device.Unit),
		Table:  first.table,
		First:  first.first,
		Count:  end - first.first,
		Points: points,
	}
}

// cut is how many points of a read stand before the place where it is best
// split: a gap nearest to the middle, or where there is none the seam nearest
// to the middle; 0 if the points cannot be parted.
func (r *reading) cut(q Request) int {
	best, bestGap, bestOff := 0, false, 0
	end := r.place(q.Points[0]).end
	for n, i := range q.Points[1:] {
		p := r.place(i)
		off := max(2*p.first-2*q.First-q.Count, 2*q.First+q.Count-2*p.first)
		hole := p.first > end
		if p.first >= end && (best == 0 || hole && !bestGap || hole == bestGap && off < bestOff) {
			best, bestGap, bestOff = n+1, hole, off
		}
		end = max(end, p.end)
	}
	return best
}

// succeed decodes the values of an answer.
func (r *reading) succeed(q Request, answer answer) {
	for _, i := range q.Points {
		a := at(r.points[i])
		s := drivers.Sample{Point: r.points[i], Time: answer.at}
		if offset := a.First() - q.First; q.Table.Bits() {
			s.Value = drivers.Bool(bit(answer.data, offset))
		} else {
			s.Value, s.Err = decode(a, answer.data[2*offset:2*(offset+a.Count())])
		}
		r.samples[i] = s
		if r.raw != nil {
			r.raw[i] = q.part(answer.data, a)
		}
		if p := r.place(i); r.known.refused(p) {
			delete(r.known.refusals, p)
			clear(r.bus.plans)
		}
	}
}

func (r *reading) fail(q Request, when time.Time, err error) {
	for _, i := range q.Points {
		r.samples[i] = drivers.Sample{Point: r.points[i], Time: when, Err: err}
	}
}
