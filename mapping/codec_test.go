package mapping

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"fieldmq/drivers"
)

func codecOf(kind drivers.Kind, change func(*Rule)) codec {
	r := NewRule(DefaultReporting())
	if change != nil {
		change(&r)
	}
	return newCodec(kind, &r)
}

func scaled(scale, offset float64) func(*Rule) {
	return func(r *Rule) { r.Scale, r.Offset = scale, offset }
}

func rounded(scale, offset float64, round int) func(*Rule) {
	return func(r *Rule) { r.Scale, r.Offset, r.Round = scale, offset, &round }
}

func TestValuesReadAsPeopleWriteThem(t *testing.T) {
	const i, f = drivers.KindInt, drivers.KindFloat
	for _, c := range []struct {
		kind   drivers.Kind
		change func(*Rule)
		raw    drivers.Value
		want   string
	}{
		{i, nil, drivers.Int(-7), "-7"},
		{i, nil, drivers.Int(math.MinInt64), "-9223372036854775808"},
		{i, nil, drivers.Uint(math.MaxUint64), "18446744073709551615"},
		{i, scaled(0.1, 0), drivers.Int(214), "21.4"},
		{i, scaled(0.1, 0), drivers.Int(3), "0.3"},
		{i, scaled(0.1, 0), drivers.Int(-3), "-0.3"},
		{i, scaled(0.1, 0), drivers.Int(210), "21"},
		{i, scaled(0.1, 0), drivers.Int(0), "0"},
		{i, scaled(0.001, 0), drivers.Int(-1), "-0.001"},
		{i, scaled(0.001, 0), drivers.Int(math.MaxInt64 / 4), "2305843009213693.951"},
		{i, scaled(0.001, 0), drivers.Int(math.MaxInt64), "9223372036854776"},
		{i, scaled(-0.5, 0.25), drivers.Int(1), "-0.25"},
		{i, scaled(-1, 0), drivers.Int(5), "-5"},
		{i, scaled(10, 0), drivers.Int(-5), "-50"},
		{i, scaled(1e12, 0), drivers.Int(3), "3000000000000"},
		{i, scaled(1e-12, 0), drivers.Int(3), "0.000000000003"},
		{i, scaled(1.2345678901234567e-12, 0), drivers.Int(1), "1.23456789012346e-12"},
		{i, rounded(1.2345678901234567e-12, 0, 12), drivers.Int(1), "0.000000000001"},
		{i, scaled(0.1, -273.15), drivers.Int(2945), "21.35"},
		{i, scaled(1.0/3, 0), drivers.Int(3), "0.9999999999999999"},
		{i, rounded(1.0/3, 0, 2), drivers.Int(3), "1"},
		{i, rounded(0.01, 0, 1), drivers.Int(2145), "21.5"},
		{i, rounded(0.01, 0, 1), drivers.Int(-2145), "-21.5"},
		{i, rounded(0.01, 0, 1), drivers.Int(2144), "21.4"},
		{i, rounded(0.01, 0, 0), drivers.Int(-49), "0"},
		{i, rounded(0.1, 0, 3), drivers.Int(214), "21.4"},
		{i, scaled(0.1, 0), drivers.Uint(math.MaxUint64), "1844674407370955300"},
		{f, nil, drivers.Float32(230.1), "230.1"},
		{f, nil, drivers.Float(0.1 + 0.2), "0.3"},
		{f, nil, drivers.Float(9007199254740991), "9007199254740991"},
		{f, nil, drivers.Float(123456789012345.6), "123456789012345.6"},
		{f, nil, drivers.Float(1e300), "1e+300"},
		{f, nil, drivers.Float(math.Copysign(0, -1)), "0"},
		{f, scaled(0.1, 0), drivers.Float32(230.1), "23.01"},
		{f, scaled(1, -273.15), drivers.Float32(294.55), "21.4"},
		{f, scaled(1, -273.15), drivers.Float32(273.16), "0.01"},
		{f, scaled(0.1, 0), drivers.Float(3e-10), "3e-11"},
		{f, scaled(0.1, 0), drivers.Float(-3e-12), "-3e-13"},
		{f, rounded(1, 0, 1), drivers.Float(-0.04), "0"},
		{f, rounded(1, 0, 0), drivers.Float(-0.4), "0"},
		{f, rounded(1, 0, 2), drivers.Float32(3.14159), "3.14"},
		{f, rounded(1, 0, 2), drivers.Float(3e-12), "0"},
		{f, rounded(1, 0, 2), drivers.Float(1e16), "10000000000000000"},
		{f, nil, drivers.Int(7), "7"}, // a driver that says it simpler
	} {
		got, err := codecOf(c.kind, c.change).encode([]byte("x"), c.raw)
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("%v %v becomes %s, %v; want x%s", c.kind, c.raw, got, err, c.want)
		}
	}
}

func TestTextsBecomeRawValues(t *testing.T) {
	const i, f, b = drivers.KindInt, drivers.KindFloat, drivers.KindBool
	limited := func(r *Rule) {
		r.Scale = 0.1
		r.Write.Limits = Limits{Min: ptr(30.0), Max: ptr(85.0), Step: ptr(0.5)}
	}
	offGrid := func(r *Rule) { r.Scale, r.Write.Limits = 0.1, Limits{Max: ptr(84.96)} }
	odd := func(r *Rule) { r.Write.Limits = Limits{Min: ptr(1.0), Step: ptr(5.0)} }
	words := func(r *Rule) { r.Enum = Enum{0: "off", 1: "heating", 2: "fault"} }
	for _, c := range []struct {
		kind   drivers.Kind
		change func(*Rule)
		text   string
		want   drivers.Value
		err    string
	}{
		{kind: i, text: "60", want: drivers.Int(60)},
		{kind: i, text: " 60\n", want: drivers.Int(60)},
		{kind: i, text: "+60", want: drivers.Int(60)},
		{kind: i, text: "6e1", want: drivers.Int(60)},
		{kind: i, text: "59.5", want: drivers.Int(60)},
		{kind: i, text: "-59.5", want: drivers.Int(-60)},
		{kind: i, text: "18446744073709551615", want: drivers.Uint(math.MaxUint64)},
		{kind: i, text: "18446744073709551617", err: "the value takes more than 64 bits"},
		{kind: i, text: "1e308", err: "the value takes more than 64 bits"},
		{kind: i, text: "1e309", err: "1e309 is too large"},
		{kind: i, text: "1e-999999999", want: drivers.Int(0)},
		{kind: i, text: "NaN", err: `"NaN" is not a number`},
		{kind: i, text: "inf", err: `"inf" is not a number`},
		{kind: i, text: "0x10", err: `"0x10" is not a number`},
		{kind: i, text: "1_000", err: `"1_000" is not a number`},
		{kind: i, text: "1,5", err: `"1,5" is not a number`},
		{kind: i, text: "", err: `"" is not a number`},
		{kind: i, text: "e", err: `"e" is not a number`},
		{kind: i, change: scaled(0.1, 0), text: "21.4", want: drivers.Int(214)},
		{kind: i, change: scaled(0.1, 0), text: "21.45", want: drivers.Int(215)},
		{kind: i, change: scaled(0.1, -40), text: "21.4", want: drivers.Int(614)},
		{kind: i, change: scaled(-2, 1), text: "7", want: drivers.Int(-3)},
		{kind: i, change: limited, text: "85", want: drivers.Int(850)},
		{kind: i, change: limited, text: "30.5", want: drivers.Int(305)},
		{kind: i, change: limited, text: "85.5", err: "85.5 is above the maximum 85"},
		{kind: i, change: limited, text: "29.9", err: "29.9 is below the minimum 30"},
		{kind: i, change: limited, text: "60.3", err: "60.3 is off the step of 0.5, counted from 30"},
		{kind: i, change: odd, text: "6", want: drivers.Int(6)},
		{kind: i, change: odd, text: "5", err: "5 is off the step of 5, counted from 1"},
		{kind: i, change: offGrid, text: "84.96", err: "rounded to what the device holds, 85 is above the maximum 84.96"},
		{kind: f, change: func(r *Rule) { r.Write.Limits.Step = ptr(0.5) }, text: "0.7", err: "0.7 is off the step of 0.5"},
		{kind: f, text: "21.4", want: drivers.Float(21.4)},
		{kind: f, change: scaled(0.1, 0), text: "2.14", want: drivers.Float(21.4)},
		{kind: f, change: scaled(0.1, 0), text: "1.7e308", err: `"1.7e308" is too large`},
		{kind: b, text: "true", want: drivers.Bool(true)},
		{kind: b, text: "ON", want: drivers.Bool(true)},
		{kind: b, text: "1\n", want: drivers.Bool(true)},
		{kind: b, text: "false", want: drivers.Bool(false)},
		{kind: b, text: "off", want: drivers.Bool(false)},
		{kind: b, text: "0", want: drivers.Bool(false)},
		{kind: b, text: "Yes", want: drivers.Bool(true)},
		{kind: b, text: "no", want: drivers.Bool(false)},
		{kind: b, text: "2", err: `"2" is neither true nor false`},
		{kind: b, change: func(r *Rule) { r.Invert = true }, text: "on", want: drivers.Bool(false)},
		{kind: i, change: words, text: "heating", want: drivers.Int(1)},
		{kind: i, change: words, text: " off\n", want: drivers.Int(0)},
		{kind: i, change: words, text: "hot", err: `"hot" is none of off, heating, fault`},
		{kind: drivers.KindText, text: " as it is ", want: drivers.Text(" as it is ")},
		{kind: drivers.KindText, text: "\xff", err: "the text is no UTF-8"},
	} {
		got, err := codecOf(c.kind, c.change).decode(c.text)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%v %q becomes %v, %v; want %v, %s", c.kind, c.text, got, err, c.want, c.err)
		}
	}
}

func TestInvertedBoolIsTurnedBothWays(t *testing.T) {
	c := codecOf(drivers.KindBool, func(r *Rule) { r.Invert = true })
	for _, raw := range []bool{true, false} {
		text, err := c.encode(nil, drivers.Bool(raw))
		if want := strconv.FormatBool(!raw); err != nil || string(text) != want {
			t.Errorf("%v becomes %s, %v; want %s", raw, text, err, want)
		}
		if back, err := c.decode(string(text)); err != nil || back != drivers.Bool(raw) {
			t.Errorf("%s becomes %v, %v; want %v", text, back, err, raw)
		}
	}
}

// scales are those that devices have, and some that they should not.
func scales() [][2]float64 {
	return [][2]float64{
		{1, 0}, {0.1, 0}, {0.01, 0}, {0.001, 0}, {1e-6, 0}, {0.5, 0}, {0.25, 0.125}, {2, 0}, {10, 0}, {1000, 0},
		{-1, 0}, {-0.1, 0}, {0.1, -273.15}, {0.1, -40}, {0.0625, 0}, {1.8, 32}, {0.02, 1e-7}, {0.3333333, 0},
		{4.000244155e-3, -2}, {-7, 1e12}, {1e12, 0.5}, {1e-12, -1},
	}
}

// line is value = raw*scale + offset, as decimals say it.
type line struct{ scale, offset *big.Rat }

func newLine(s [2]float64) line {
	scale, _ := new(big.Rat).SetString(strconv.FormatFloat(s[0], 'f', -1, 64))
	offset, _ := new(big.Rat).SetString(strconv.FormatFloat(s[1], 'f', -1, 64))
	return line{scale, offset}
}

func (l line) at(raw int64) *big.Rat {
	value := new(big.Rat).SetInt64(raw)
	return value.Add(value.Mul(value, l.scale), l.offset)
}

func TestIntegersAreScaledExactlyAndComeBack(t *testing.T) {
	check := func(t *testing.T, c codec, l line, raw int64) {
		text, err := c.encode(nil, drivers.Int(raw))
		if err != nil {
			t.Fatal(err)
		}
		value, ok := new(big.Rat).SetString(string(text))
		if !ok || value.Cmp(l.at(raw)) != 0 {
			t.Fatalf("%d * %v + %v is printed %s", raw, l.scale, l.offset, text)
		}
		if back, err := c.decode(string(text)); err != nil || back != drivers.Int(raw) {
			t.Fatalf("%d * %v + %v is %s and comes back as %v, %v", raw, l.scale, l.offset, text, back, err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range scales() {
		c, l := codecOf(drivers.KindInt, scaled(s[0], s[1])), newLine(s)
		if s == scales()[1] || s == scales()[12] { // the others are too many to try all
			for raw := int64(math.MinInt16); raw <= math.MaxInt16; raw++ {
				check(t, c, l, raw)
			}
		}
		for range 2000 {
			check(t, c, l, int64(int16(random.Uint32())))
		}
	}
	for range 20000 {
		s := [2]float64{
			float64(1+random.IntN(9999)) / float64(exp10(random.IntN(7))),
			float64(random.IntN(20001)-10000) / float64(exp10(random.IntN(5))),
		}
		check(t, codecOf(drivers.KindInt, scaled(s[0], s[1])), newLine(s), int64(int32(random.Uint32())))
	}
}

func TestIntegersAreRoundedHalfAwayFromZero(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		s := scales()[random.IntN(len(scales()))]
		raw, round := int64(int16(random.Uint32())), random.IntN(mostRound+1)
		text, err := codecOf(drivers.KindInt, rounded(s[0], s[1], round)).encode(nil, drivers.Int(raw))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := new(big.Rat).SetString(string(text))
		want, _ := new(big.Rat).SetString(newLine(s).at(raw).FloatString(round))
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%d * %v + %v to %d decimals is printed %s, want %v", raw, s[0], s[1], round, text, want)
		}
	}
}

func TestSinglePrecisionLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 50000 {
		raw := drivers.Float32(math.Float32frombits(random.Uint32()))
		if math.IsNaN(raw.Float()) || math.IsInf(raw.Float(), 0) {
			continue
		}
		text, err := codecOf(drivers.KindFloat, nil).encode(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := strconv.ParseFloat(string(text), 64); err != nil || got != raw.Float() {
			t.Fatalf("%v is printed %s", raw, text)
		}
	}
}

func exp10(n int) int64 {
	p, _ := shift(1, n)
	return p
}

func FuzzNumber(f *testing.F) {
	f.Add(0.1, 0.0, int64(214), 21.4, 1, "21.4")
	f.Add(1.2345678901234567e-12, -1e12, int64(math.MaxInt64), 1e300, -1, "1e-400")
	f.Add(-1e12, 0.1, int64(math.MinInt64), -1e-300, 12, "-0")
	f.Fuzz(func(t *testing.T, scale, offset float64, raw int64, float float64, round int, text string) {
		r := NewRule(DefaultReporting())
		r.Scale, r.Offset = scale, offset
		if round >= 0 {
			r.Round = &round
		}
		if r.Validate() != nil {
			return
		}
		for _, c := range []struct {
			kind drivers.Kind
			raw  drivers.Value
		}{{drivers.KindInt, drivers.Int(raw)}, {drivers.KindInt, drivers.Uint(uint64(raw))}, {drivers.KindFloat, drivers.Float(float)}} {
			codec := newCodec(c.kind, &r)
			got, err := codec.encode(nil, c.raw)
			if err == nil && !json.Valid(got) {
				t.Errorf("%v * %v + %v is printed %q", c.raw, scale, offset, got)
			}
			if value, err := codec.decode(text); err == nil {
				if _, err := codec.encode(nil, value); err != nil {
					t.Errorf("%q becomes %v, which has no text: %v", text, value, err)
				}
			}
		}
	})
}
