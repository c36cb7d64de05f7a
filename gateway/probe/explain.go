package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// Explanation is a point with all that its words could mean.
type Explanation struct {
	Reading  Reading       `json:"reading"`
	Function byte          `json:"function"` // code of the request
	Sent     int           `json:"sent"`     // bytes, frame and all
	Received int           `json:"received"`
	Took     time.Duration `json:"took_ns"`    // as measured
	Wire     time.Duration `json:"planned_ns"` // as planned: see package plan
	Views    []View        `json:"views"`      // the most plausible first
	// Exchange is the bytes on the wire, where this process has the bus.
	Exchange []Step `json:"exchange,omitempty"`
	// LastError is the last one of the device that the gateway knows of, where one
	// was asked.
	LastError string `json:"last_error,omitempty"`
}

// Step is some bytes of an exchange.
type Step struct {
	After int64  `json:"after_us"` // microseconds since its beginning
	Sent  bool   `json:"sent"`     // else received
	Bytes string `json:"bytes"`    // in hexadecimal
}

// Steps are the first exchange of what was heard on a bus: up to the next
// request.
func Steps(heard []drivers.Traffic) []Step {
	var steps []Step
	for i, t := range heard {
		if t.Sent && i > 0 && !steps[len(steps)-1].Sent {
			break
		}
		steps = append(steps, Step{t.At.Sub(heard[0].At).Microseconds(), t.Sent, fmt.Sprintf("% X", t.Bytes)})
	}
	return steps
}

// View is what the words would mean in another type or order, or one register
// further on.
type View struct {
	Shift  int     `json:"shift"` // registers from where the point stands
	Type   string  `json:"type"`
	Order  string  `json:"order"`
	Scale  float64 `json:"scale"`
	Value  string  `json:"value"`
	Reason string  `json:"reason"`
	Chosen bool    `json:"chosen"` // it is what the configuration says
	score  int
	float  bool
}

// planner is a bus's settings that tell its reads.
type planner interface {
	Plan(points []*drivers.Point) []modbus.Request
}

// Explain reads a point on a Modbus bus, and shows what its words could mean
// otherwise.
func (p *Probe) Explain(ctx context.Context, settings drivers.Settings, e mapping.Entry) (*Explanation, error) {
	plan, ok := settings.(planner)
	at, modbusPoint := e.Point.At.(*modbus.Address)
	if !ok || !modbusPoint {
		return nil, fmt.Errorf("%v is not on Modbus, where there are words to be explained", e.Point)
	}
	began := time.Now()
	readings, err := p.Read(ctx, []mapping.Entry{e})
	if err != nil {
		return nil, err
	}
	request := plan.Plan([]*drivers.Point{e.Point})[0]
	x := &Explanation{Reading: readings[0], Took: time.Since(began), Wire: request.Time, Function: request.Table.Function()}
	x.Sent, x.Received = request.Bytes()
	if x.Reading.Raw == nil || at.Table().Bits() || at.ValueType() == modbus.String {
		return x, nil
	}
	judge := judge{e.Rule, p.span(e)}
	x.Views = judge.views(at, x.Reading.Raw, 0)
	x.Views = append(x.Views, p.resized(ctx, e, judge)...)
	for _, shift := range []int{-1, 1} { // manuals that count from 1 lead there
		x.Views = append(x.Views, p.neighbour(ctx, e, judge, shift)...)
	}
	slices.SortStableFunc(x.Views, func(a, b View) int { return cmp.Compare(b.score, a.score) })
	return x, nil
}

// span is the range that the configuration knows for the point's value.
func (p *Probe) span(e mapping.Entry) *gateway.Span {
	if s, ok := p.device.Fingerprint[e.Point.Name]; ok {
		return &s
	}
	if l := e.Rule.Write.Limits; l.Min != nil && l.Max != nil {
		return &gateway.Span{Min: *l.Min, Max: *l.Max}
	}
	return nil
}

// resized is what would make sense if the value took fewer registers than the
// configuration says, or more, and be it because it says no type at all.
func (p *Probe) resized(ctx context.Context, e mapping.Entry, judge judge) (views []View) {
	own := e.Point.At.(*modbus.Address)
	if own.Bit != nil || own.Bits != nil {
		return nil
	}
	for _, registers := range []int{1, 2, 4} {
		at, ok := own.Resized(registers)
		if !ok || registers == own.Count() {
			continue
		}
		for _, v := range p.words(ctx, e, at, judge, 0) {
			v.Chosen = false
			if !v.float { // words are seldom a sensible float by chance, and often such a number
				v.score -= 2
			}
			if v.score > 0 {
				views = append(views, v)
			}
		}
	}
	return views
}

// neighbour is what the words beside the point would mean, as far as the device
// has them.
func (p *Probe) neighbour(ctx context.Context, e mapping.Entry, judge judge, shift int) []View {
	at, ok := e.Point.At.(*modbus.Address).Shifted(shift)
	if !ok {
		return nil
	}
	return p.words(ctx, e, at, judge, shift)
}

// words is what the words at another place than the point's own would mean, as far
// as the device has them.
func (p *Probe) words(ctx context.Context, e mapping.Entry, at *modbus.Address, judge judge, shift int) []View {
	there := *e.Point
	there.At = at
	_, raw, err := p.sample(ctx, []*drivers.Point{&there})
	if err != nil || raw == nil || raw[0] == nil {
		return nil
	}
	return judge.views(at, raw[0], shift)
}
