package drivers

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestValueReadsAsTextAndNumber(t *testing.T) {
	tests := map[string]struct {
		v     Value
		kind  string
		text  string
		i     int64
		f     float64
		truth bool
	}{
		"is nothing at first":            {Value{}, "none", "", 0, 0, false},
		"is true":                        {Bool(true), "bool", "true", 1, 1, true},
		"is false":                       {Bool(false), "bool", "false", 0, 0, false},
		"is a negative integer":          {Int(-7), "integer", "-7", -7, -7, true},
		"is a counter":                   {Uint(123456), "integer", "123456", 123456, 123456, true},
		"is the largest counter":         {Uint(math.MaxUint64), "integer", "18446744073709551615", -1, 1 << 64, true},
		"is a number":                    {Float(21.4), "number", "21.4", 21, 21.4, true},
		"is a whole number":              {Float(230), "number", "230", 230, 230, true},
		"has no exponent when small":     {Float(0.000001), "number", "0.000001", 0, 0.000001, true},
		"has no exponent when large":     {Float(1e20), "number", "100000000000000000000", 0, 1e20, true},
		"has an exponent beyond reading": {Float(1e21), "number", "1e+21", 0, 1e21, true},
		"has few digits from 32 bits":    {Float32(230.1), "number", "230.1", 230, 230.1, true},
		"is zero from 32 bits":           {Float32(0), "number", "0", 0, 0, false},
		"is a text":                      {Text("heating"), "text", "heating", 0, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.v.Kind().String(); got != tt.kind {
				t.Errorf("kind %s, want %s", got, tt.kind)
			}
			if got := tt.v.String(); got != tt.text {
				t.Errorf("text %s, want %s", got, tt.text)
			}
			if got := tt.v.Float(); got != tt.f {
				t.Errorf("number %v, want %v", got, tt.f)
			}
			if got := tt.v.Bool(); got != tt.truth {
				t.Errorf("truth %v, want %v", got, tt.truth)
			}
			// What an int64 cannot hold is the caller's to ask for with care.
			if math.Abs(tt.f) < 1<<63 {
				if got := tt.v.Int(); got != tt.i {
					t.Errorf("integer %v, want %v", got, tt.i)
				}
			}
		})
	}
}

// TestFloat32HasTheFewestDigits holds the short way against the text, for all
// exponents and for what meters say.
func TestFloat32HasTheFewestDigits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	short := 0
	for n := range 300_000 {
		f := math.Float32frombits(random.Uint32())
		switch n % 3 {
		case 1:
			f = float32(random.IntN(1e7)) / float32(math.Pow10(random.IntN(5)))
		case 2:
			f = random.Float32() * float32(math.Pow10(random.IntN(9)))
		}
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			continue
		}
		text := strconv.FormatFloat(float64(f), 'g', -1, 32)
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := Float32(f); got != Float(want) {
			t.Fatalf("%s is read as %v", text, got)
		}
		if _, ok := fewDigits(f); ok {
			short++
		}
	}
	if short < 150_000 {
		t.Errorf("only %d went the short way", short)
	}
}

func TestEqualValuesCompareEqual(t *testing.T) {
	for _, twins := range [][2]Value{{Uint(7), Int(7)}, {Float(1.5), Float(3.0 / 2)}, {Text("ab"), Text("a" + "b")}, {Bool(true), Bool(1 > 0)}} {
		if twins[0] != twins[1] {
			t.Errorf("%v and %v differ", twins[0], twins[1])
		}
	}
	if Int(1) == Bool(true) || Int(1) == Float(1) || Text("1") == Int(1) || Text("") == (Value{}) {
		t.Error("values of different kinds are equal")
	}
}

func TestOnlyNumbersAreNumbers(t *testing.T) {
	for _, v := range []Value{Int(0), Uint(math.MaxUint64), Float(0)} {
		if !v.IsNumber() {
			t.Errorf("%v is no number", v)
		}
	}
	for _, v := range []Value{{}, Bool(true), Text("1")} {
		if v.IsNumber() {
			t.Errorf("%v is a number", v)
		}
	}
}

func TestAppendKeepsWhatStandsBefore(t *testing.T) {
	if got := string(Float(-0.5).Append([]byte("v="))); got != "v=-0.5" {
		t.Errorf("got %s", got)
	}
}

func TestValueOfANumberCostsNoAllocation(t *testing.T) {
	buf := make([]byte, 0, 64)
	var v Value
	if n := testing.AllocsPerRun(100, func() { v = Float(230.1); buf = v.Append(buf[:0]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
