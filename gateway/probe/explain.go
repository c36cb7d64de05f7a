package probe

import (
	"cmp"
	"context"
	"fmt"
	"math"
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

// neighbour is what the words beside the point would mean, as far as the device
// has them.
func (p *Probe) neighbour(ctx context.Context, e mapping.Entry, judge judge, shift int) []View {
	at, ok := e.Point.At.(*modbus.Address).Shifted(shift)
	if !ok {
		return nil
	}
	beside := *e.Point
	beside.At = at
	_, raw, err := p.sample(ctx, []*drivers.Point{&beside})
	if err != nil || raw == nil || raw[0] == nil {
		return nil
	}
	return judge.views(at, raw[0], shift)
}

// judge says how plausible numbers are for a point.
type judge struct {
	rule mapping.Rule
	span *gateway.Span // nil: only the unit tells
}

var orders = [...]modbus.Order{modbus.ABCD, modbus.CDAB, modbus.BADC, modbus.DCBA}

// views are the meanings of the words at a place, in all types and orders.
func (j judge) views(at *modbus.Address, raw []byte, shift int) []View {
	var views []View
	for _, t := range modbus.Types(at.Count()) {
		for _, o := range orders {
			if o != alone(at.Count(), o) {
				continue
			}
			value, err := at.As(t, o).Decode(raw)
			if err != nil {
				continue
			}
			v := j.view(value)
			v.Shift, v.Type, v.Order = shift, t.String(), o.String()
			v.Chosen = shift == 0 && t == at.ValueType() && o == alone(at.Count(), at.Order) && v.Scale == j.rule.Scale
			v.score += bonus(v, t == at.ValueType(), o)
			views = append(views, v)
		}
	}
	return views
}

// bonus is what speaks for a view beside its number: few things are wrong with
// a configuration at once.
func bonus(v View, sameType bool, o modbus.Order) int {
	n := 0
	if v.Chosen {
		n++
	}
	if sameType {
		n++
	}
	if o == modbus.ABCD {
		n++
	}
	if v.Shift != 0 {
		n -= 2
	}
	return n
}

// alone is an order without what it says of words, where there is only one.
func alone(registers int, o modbus.Order) modbus.Order {
	switch {
	case registers > 1:
		return o
	case o == modbus.CDAB:
		return modbus.ABCD
	case o == modbus.DCBA:
		return modbus.BADC
	}
	return o
}

// scales are tried where the one of the configuration makes no sense.
var scales = [...]float64{1, 0.1, 0.01, 0.001}

// view judges a number at the scale of the configuration or, where that makes
// no sense, at another one that does.
func (j judge) view(raw drivers.Value) View {
	first := j.scaled(raw, j.rule.Scale)
	if first.score > 0 || raw.Kind() == drivers.KindFloat {
		return first
	}
	for _, scale := range scales {
		if v := j.scaled(raw, scale); v.score > 0 {
			v.score -= 2
			return v
		}
	}
	return first
}

func (j judge) scaled(raw drivers.Value, scale float64) View {
	value := raw.Float()*scale + j.rule.Offset
	v := View{Scale: scale, Value: drivers.Float(value).String()}
	if single := float32(value); scale != 1 && !math.IsInf(float64(single), 0) {
		v.Value = drivers.Float32(single).String() // without the dust of binary fractions
	}
	v.score, v.Reason = j.plausible(value)
	return v
}

// usual are the ranges in which values of a unit mostly are.
var usual = map[string]gateway.Span{
	"V":    {Min: 1, Max: 1000},
	"A":    {Min: -5000, Max: 5000},
	"Hz":   {Min: 10, Max: 500},
	"Cel":  {Min: -60, Max: 500},
	"%":    {Min: 0, Max: 100},
	"W":    {Min: -1e7, Max: 1e7},
	"kW":   {Min: -1e4, Max: 1e4},
	"kW.h": {Min: 0, Max: 1e9},
	"bar":  {Min: -1, Max: 1000},
}

// plausible is above zero for a number that may well be meant.
func (j judge) plausible(v float64) (score int, reason string) {
	size := math.Abs(v)
	within := func(s gateway.Span) bool { return s.Min <= v && v <= s.Max }
	span, known := usual[j.rule.Unit]
	switch {
	case v == 0:
		return 1, "zero says little"
	case size < 1e-5:
		return -4, "next to nothing, as in a wrong type"
	case size > 1e12:
		return -4, "immense, as in a wrong type"
	case j.span != nil && within(*j.span):
		return 5, "within " + words(*j.span)
	case j.span != nil:
		return -2, "not within " + words(*j.span)
	case known && within(span):
		return 3, fmt.Sprintf("within %s, as is usual for %s", words(span), j.rule.Unit)
	case known:
		return -3, fmt.Sprintf("not within %s, as is usual for %s", words(span), j.rule.Unit)
	case size > 1e7:
		return -1, "large"
	}
	return 2, "a size that is met"
}

func words(s gateway.Span) string {
	return fmt.Sprintf("%v to %v", drivers.Float(s.Min), drivers.Float(s.Max))
}
