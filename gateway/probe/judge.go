package probe

import (
	"fmt"
	"math"
	"slices"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// judge says how plausible numbers are for a point.
type judge struct {
	rule mapping.Rule
	span *gateway.Span // nil: only the unit tells
}

var orders = [...]modbus.Order{modbus.ABCD, modbus.CDAB, modbus.BADC, modbus.DCBA}

// views are the meanings of the words at a place, in all types and orders; those
// of types that are seldom met in the order of the point only.
func (j judge) views(at *modbus.Address, raw []byte, shift int) []View {
	var views []View
	often, seldom := modbus.Types(at.Count())
	if own := at.ValueType(); own != modbus.Bool && !slices.Contains(often, own) {
		often = append(often, own)
	}
	for _, t := range often {
		for _, o := range orders {
			if o == alone(at.Count(), o) {
				views = append(views, j.as(at, t, o, raw, shift)...)
			}
		}
	}
	if shift != 0 {
		return views
	}
	for _, t := range seldom {
		if slices.Contains(often, t) {
			continue
		}
		for _, v := range j.as(at, t, alone(at.Count(), at.Order), raw, shift) {
			if v.score -= 2; v.score > 0 {
				views = append(views, v)
			}
		}
	}
	return views
}

// as is the meaning of the words in a type and an order, if they have one.
func (j judge) as(at *modbus.Address, t modbus.Type, o modbus.Order, raw []byte, shift int) []View {
	value, err := at.As(t, o).Decode(raw)
	if err != nil {
		return nil
	}
	v := j.view(value)
	v.Shift, v.Type, v.Order, v.float = shift, t.String(), o.String(), value.Kind() == drivers.KindFloat
	v.Chosen = shift == 0 && t == at.ValueType() && o == alone(at.Count(), at.Order) && v.Scale == j.rule.Scale
	v.score += bonus(v, t == at.ValueType(), o)
	return []View{v}
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
	if raw.Kind() != drivers.KindFloat && scale == 1 && j.rule.Offset == 0 {
		v.Value = raw.String() // which has more digits than a float
	}
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
