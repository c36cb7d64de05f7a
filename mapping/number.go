package mapping

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"fieldmq/drivers"
)

// number is the codec of integers and numbers: value = raw*scale + offset.
//
// Scale and offset are decimals, as somebody wrote them in YAML, so integers are
// computed in decimals too: 214 * 0.1 is 21.4 and not 21.400000000000002.
type number struct {
	scale, offset float64
	round         int  // decimals; negative: not rounded
	whole         bool // the device holds integers
	fixed         fixed
	limits        limits
	rounded       func(float64) float64 // to what the device holds of a number; nil: all of it
}

func newNumber(kind drivers.Kind, r *Rule) *number {
	n := &number{
		scale:  r.Scale,
		offset: r.Offset,
		round:  -1,
		whole:  kind != drivers.KindFloat,
		limits: newLimits(r),
	}
	if r.Round != nil {
		n.round = *r.Round
	}
	n.fixed = newFixed(r.Scale, r.Offset, n.round)
	return n
}

// plain says whether the value is what the device says.
func (n *number) plain() bool { return n.scale == 1 && n.offset == 0 }

func (n *number) encode(b []byte, raw drivers.Value) ([]byte, error) {
	if !raw.IsNumber() {
		return b, fmt.Errorf("%s is no number", quote(raw.String()))
	}
	if raw.Kind() != drivers.KindFloat && n.plain() {
		return raw.Append(b), nil
	}
	if raw.Kind() == drivers.KindInt {
		if ticks, ok := n.fixed.ticks(raw.Int()); ok {
			return appendTicks(b, ticks, n.fixed.places), nil
		}
	}
	return n.encodeFloat(b, raw.Float())
}

// encodeFloat gives the value the decimals that 15 significant digits of its
// largest term leave: what lies below is the noise of binary fractions.
func (n *number) encodeFloat(b []byte, raw float64) ([]byte, error) {
	term := raw * n.scale
	value := term + n.offset
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return b, errors.New("value out of range")
	}
	places := 15 - digits(max(math.Abs(term), math.Abs(n.offset)))
	switch {
	case n.round >= 0:
		places = max(min(places, n.round), 0)
	case places <= 0: // all its digits count
		return drivers.Float(value).Append(b), nil
	case places > 24: // below 1e-9, an exponent reads better
		return strconv.AppendFloat(b, value, 'g', 15, 64), nil
	}
	from := len(b)
	return trim(strconv.AppendFloat(b, value, 'f', places, 64), from), nil
}

// digits is the number of digits before the decimal point, negative for zeros
// behind it.
func digits(f float64) int {
	if f == 0 {
		return 0
	}
	return int(math.Floor(math.Log10(f))) + 1
}

// decode rounds to what the device can hold, and checks both what was asked for
// and what that becomes.
func (n *number) decode(s string) (drivers.Value, error) {
	wanted, err := parseNumber(s)
	if err != nil {
		return drivers.Value{}, err
	}
	if err := n.limits.check(wanted); err != nil {
		return drivers.Value{}, err
	}
	raw, err := n.raw(wanted)
	if errors.Is(err, errTooLarge) {
		err = fmt.Errorf("%s %w", quote(s), err)
	}
	return raw, err
}

var errTooLarge = errors.New("is too large")

// raw is what the device holds for a value.
func (n *number) raw(wanted *big.Rat) (drivers.Value, error) {
	raw := new(big.Rat).Sub(wanted, n.limits.offset)
	raw.Quo(raw, n.limits.scale)
	if !n.whole {
		f, _ := raw.Float64()
		if math.IsInf(f, 0) {
			return drivers.Value{}, errTooLarge
		}
		if n.rounded != nil {
			f = n.rounded(f)
		}
		return drivers.Float(f), nil
	}
	return n.limits.integer(raw)
}

// kind is what the values are, whatever the device holds.
func (n *number) kind() drivers.Kind {
	if n.whole && n.fixed.ok && n.fixed.places == 0 {
		return drivers.KindInt
	}
	return drivers.KindFloat
}
