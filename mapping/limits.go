package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"fieldmq/drivers"
)

// limits is the way down of a number, exact because commands are rare and what
// they may not do is a promise. Nothing changes it once it is made.
type limits struct {
	scale, offset  *big.Rat
	min, max, step *big.Rat // nil: not bounded
}

func newLimits(r *Rule) limits {
	optional := func(f *float64) *big.Rat {
		if f == nil {
			return nil
		}
		return rational(*f)
	}
	return limits{
		scale:  rational(r.Scale),
		offset: rational(r.Offset),
		min:    optional(r.Write.Limits.Min),
		max:    optional(r.Write.Limits.Max),
		step:   optional(r.Write.Limits.Step),
	}
}

// check says how a value breaks the limits.
func (l *limits) check(value *big.Rat) error {
	if l.max != nil && value.Cmp(l.max) > 0 {
		return fmt.Errorf("%s is above the maximum %s", decimals(value), decimals(l.max))
	}
	if l.min != nil && value.Cmp(l.min) < 0 {
		return fmt.Errorf("%s is below the minimum %s", decimals(value), decimals(l.min))
	}
	if l.step == nil {
		return nil
	}
	from, counted := new(big.Rat), ""
	if l.min != nil {
		from, counted = l.min, ", counted from "+decimals(l.min)
	}
	steps := new(big.Rat).Sub(value, from)
	if !steps.Quo(steps, l.step).IsInt() {
		return fmt.Errorf("%s is off the step of %s%s", decimals(value), decimals(l.step), counted)
	}
	return nil
}

// integer is the integer nearest to raw, halves away from zero. A value within
// the limits may have its nearest integer outside.
func (l *limits) integer(raw *big.Rat) (drivers.Value, error) {
	nearest, _ := new(big.Int).SetString(raw.FloatString(0), 10)
	value := new(big.Rat).SetInt(nearest)
	value.Add(value.Mul(value, l.scale), l.offset)
	within := limits{min: l.min, max: l.max}
	if err := within.check(value); err != nil {
		return drivers.Value{}, fmt.Errorf("rounded to what the device holds, %w", err)
	}
	switch {
	case nearest.IsInt64():
		return drivers.Int(nearest.Int64()), nil
	case nearest.IsUint64():
		return drivers.Uint(nearest.Uint64()), nil
	}
	return drivers.Value{}, errors.New("the value takes more than 64 bits")
}

// parseNumber reads a decimal number as people and JSON write it.
func parseNumber(s string) (*big.Rat, error) {
	const most = 64 // bytes; 20 would do for what 64 bits hold
	s = strings.TrimSpace(s)
	if len(s) > most || strings.Trim(s, "0123456789+-.eE") != "" {
		return nil, fmt.Errorf("%s is not a number", quote(s))
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return new(big.Rat).SetInt64(i), nil
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return new(big.Rat).SetUint64(u), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("%s is too large", s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a number", quote(s))
	}
	return rational(f), nil
}

// rational is the decimal number that f stands for: 1/10 for 0.1. Going through
// the digits of a float64 keeps the size of the result bounded, which the
// exponent of a text from outside does not.
func rational(f float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
	return r
}

// decimals shows a rational that came from decimals.
func decimals(r *big.Rat) string {
	f, _ := r.Float64()
	return drivers.Float(f).String()
}
