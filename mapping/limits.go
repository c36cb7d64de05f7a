package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// limits is the way down of a number, exact because commands are rare and what
// they may not do is a promise. Nothing changes it once it is made.
type limits struct {
	scale, offset   *big.Rat
	min, max, step  *big.Rat // nil: not bounded
	lowest, highest *big.Rat // what the point holds, as values; nil: not known
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

// hold notes the least and the largest integer that the device holds for the point.
func (l *limits) hold(lowest int64, highest uint64) {
	value := func(raw *big.Rat) *big.Rat { return raw.Add(raw.Mul(raw, l.scale), l.offset) }
	l.lowest, l.highest = value(new(big.Rat).SetInt64(lowest)), value(new(big.Rat).SetUint64(highest))
	if l.scale.Sign() < 0 {
		l.lowest, l.highest = l.highest, l.lowest
	}
}

// held says that the point does not hold a value.
func (l *limits) held(value *big.Rat) error {
	if l.lowest == nil || value.Cmp(l.lowest) >= 0 && value.Cmp(l.highest) <= 0 {
		return nil
	}
	return fmt.Errorf("%s is not from %s to %s, which is what the point holds", decimals(value), decimals(l.lowest), decimals(l.highest))
}

// validate finds bounds that no value of the point can reach.
func (l *limits) validate() error {
	var faults []error
	for _, bound := range []struct {
		key   string
		value *big.Rat
	}{{"write.min", l.min}, {"write.max", l.max}} {
		if bound.value == nil {
			continue
		}
		if err := l.held(bound.value); err != nil {
			faults = append(faults, configs.Bad(bound.key, "%v", err))
		}
	}
	return errors.Join(faults...)
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
	if err := l.held(value); err != nil {
		return drivers.Value{}, err
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
	if i := r.Num(); r.IsInt() && (i.IsInt64() || i.IsUint64()) {
		return i.String()
	}
	f, _ := r.Float64()
	return drivers.Float(f).String()
}
