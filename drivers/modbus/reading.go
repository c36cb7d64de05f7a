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
	plan    *plan    // nil before there is one
	asked   []Request
	silence error // why nothing more is asked of the device
}

// newReading reads by a plan, or by one that is still to be made.
func newReading(b *Bus, points []*drivers.Point, p *plan) *reading {
	device := at(points[0]).device
	r, samples := new(reading), []drivers.Sample(nil)
	if p != nil {
		r, samples = &p.reading, p.samples // each of them is made anew
	} else {
		samples = make([]drivers.Sample, len(points))
	}
	*r = reading{bus: b, device: device, known: b.lessons(device), points: points, plan: p, samples: samples}
	return r
}

// questions are what is planned, but for what was refused a short time ago.
func (r *reading) questions(p *plan) []question {
	r.plan, r.asked = p, p.requests
	if len(r.known.refusals) == 0 {
		return p.questions
	}
	var left []question
	r.asked = nil
	for i, q := range p.requests {
		if !r.recall(q) {
			r.asked, left = append(r.asked, q), append(left, p.questions[i])
		}
	}
	if len(left) == 0 { // only an answer proves that the device is there
		r.asked, left = p.requests[:1], p.questions[:1]
	}
	return left
}

// run asks for all that is planned.
func (r *reading) run(ctx context.Context, p *plan) error {
	answers, err := r.bus.put(ctx, r.questions(p))
	if err != nil {
		return err
	}
	return r.finish(ctx, answers)
}

// finish makes samples of the answers to what was asked.
func (r *reading) finish(ctx context.Context, answers []answer) error {
	if !slices.ContainsFunc(answers, heard) { // what is remembered counts no more
		for _, q := range r.plan.requests {
			r.fail(q, answers[0].at, answers[0].err)
		}
		return nil
	}
	for _, a := range answers {
		r.hear(a)
	}
	for i, a := range answers {
		if _, err := r.take(ctx, &r.asked[i], a); err != nil {
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

func (r *reading) place(i int) place { return placeOf(at(r.points[i])) }

// take makes samples of an answer, and says whether it had values. A refusal
// that may concern only a part of what was asked for is looked into.
func (r *reading) take(ctx context.Context, q *Request, a answer) (bool, error) {
	if a.err == nil {
		r.succeed(q, a)
		return true, nil
	}
	var e Exception
	if !errors.As(a.err, &e) || !e.lasting() {
		r.fail(*q, a.at, a.err)
		return false, nil
	}
	cut, err := r.worthSplitting(ctx, *q, e)
	if err != nil {
		return false, err
	}
	if cut > 0 {
		return false, r.split(ctx, *q, cut)
	}
	for _, i := range q.Points {
		r.known.refuse(r.place(i), e, a.at)
	}
	clear(r.bus.plans)
	r.fail(*q, a.at, e)
	return false, nil
}

// worthSplitting is where a declined read is best split, 0 if nowhere. A device
// that declines a function for the first and the last point alone does not have
// the table; some say so of a register.
func (r *reading) worthSplitting(ctx context.Context, q Request, e Exception) (cut int, err error) {
	cut = r.cut(q)
	if cut == 0 || e != illegalFunction {
		return cut, nil
	}
	first, last := r.part(q.Points[:1]), r.part(q.Points[len(q.Points)-1:])
	answers, err := r.bus.ask(ctx, r.device, []*pdu{first.pdu(), last.pdu()})
	if err != nil {
		return 0, err
	}
	if errors.Is(answers[0].err, illegalFunction) && errors.Is(answers[1].err, illegalFunction) {
		return 0, nil
	}
	return cut, nil
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
		r.known.part(gap{q.Table, left.First + left.Count, right.First, time.Now()})
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
	answers, err := r.bus.ask(ctx, r.device, []*pdu{q.pdu()})
	if err != nil {
		return false, err
	}
	r.hear(answers[0])
	return r.take(ctx, &q, answers[0])
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
	}.laid(r.points)
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
func (r *reading) succeed(q *Request, answer answer) {
	if q.Table == Called {
		r.succeedCall(q.Points[0], answer)
	}
	for i := range q.parts {
		r.decode(q, &q.parts[i], answer.data, answer.at)
	}
	if len(r.known.refusals) > 0 {
		r.accept(q)
	}
}

// accept forgets refusals of what has a value now.
func (r *reading) accept(q *Request) {
	for _, i := range q.Points {
		if p := r.place(i); r.known.refused(p) {
			delete(r.known.refusals, p)
			clear(r.bus.plans)
		}
	}
}

// decode makes the sample of a point of an answer.
func (r *reading) decode(q *Request, p *part, data []byte, when time.Time) {
	s := &r.samples[p.index]
	s.Point, s.Time, s.Err = r.points[p.index], when, nil
	switch {
	case p.plain:
		s.Value, s.Err = p.number(data)
	case q.Table.Bits():
		s.Value = drivers.Bool(bit(data, int(p.offset)))
	default:
		s.Value, s.Err = at(s.Point).decodeIn(data, q.First)
	}
	if r.raw != nil {
		r.raw[p.index] = q.part(data, at(s.Point))
	}
}

func (r *reading) fail(q Request, when time.Time, err error) {
	for _, i := range q.Points {
		r.samples[i] = drivers.Sample{Point: r.points[i], Time: when, Err: err}
	}
}
