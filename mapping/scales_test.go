package mapping

import (
	"math/big"
	"testing"

	"fieldmq/drivers"
)

// TestEveryScaleGoesBothWays takes raw numbers of each kind through every sort of
// scale and offset, and back to what they were.
func TestEveryScaleGoesBothWays(t *testing.T) {
	for _, scale := range []float64{1, 0.1, -0.1, 0.01, 0.001, 1e-7, 100, 10, -1, 0.25, 2.5, 1.0 / 3} {
		for _, offset := range []float64{0, -40, 0.5, 273.15} {
			for _, kind := range []drivers.Kind{drivers.KindInt, drivers.KindFloat} {
				rule := NewRule(DefaultReporting())
				rule.Scale, rule.Offset = scale, offset
				c := newCodec(kind, &rule)
				for _, n := range []int64{0, 1, -1, 214, -32768, 65535, 123456789} {
					raw := drivers.Int(n)
					if kind == drivers.KindFloat {
						raw = drivers.Float(float64(n))
					}
					text, err := c.encode(nil, raw)
					if err != nil {
						t.Errorf("%v * %v + %v: %v", raw, scale, offset, err)
						continue
					}
					back, err := c.decode(string(text))
					if err != nil || kind == drivers.KindInt && back != raw {
						t.Errorf("%v * %v + %v is %s, and back %v, %v", raw, scale, offset, text, back, err)
					}
					if scale != 1.0/3 && !exact(string(text), n, scale, offset) {
						t.Errorf("%v * %v + %v is %s", raw, scale, offset, text)
					}
				}
			}
		}
	}
}

// exact says whether a text is raw * scale + offset, in decimals.
func exact(text string, raw int64, scale, offset float64) bool {
	want := new(big.Rat).Mul(new(big.Rat).SetInt64(raw), rational(scale))
	want.Add(want, rational(offset))
	got, ok := new(big.Rat).SetString(text)
	return ok && got.Cmp(want) == 0
}
