package expr

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fieldmq/drivers"
)

// function is one that expressions may call. All take numbers.
type function struct {
	name        string
	least, most int // arguments; most 0: any number
	bool        bool
	call        func(x []float64) float64
}

// functions are those there are, by name.
var functions = []function{
	{"abs", 1, 1, false, func(x []float64) float64 { return math.Abs(x[0]) }},
	{"atan2", 2, 2, false, func(x []float64) float64 { return math.Atan2(x[0], x[1]) }},
	{"bit", 2, 2, true, func(x []float64) float64 {
		return float64(whole(drivers.Float(x[0])) >> distance(drivers.Float(x[1])) & 1)
	}},
	{"ceil", 1, 1, false, func(x []float64) float64 { return math.Ceil(x[0]) }},
	{"cos", 1, 1, false, func(x []float64) float64 { return math.Cos(x[0]) }},
	{"exp", 1, 1, false, func(x []float64) float64 { return math.Exp(x[0]) }},
	{"floor", 1, 1, false, func(x []float64) float64 { return math.Floor(x[0]) }},
	{"log", 1, 1, false, func(x []float64) float64 { return math.Log(x[0]) }},
	{"log10", 1, 1, false, func(x []float64) float64 { return math.Log10(x[0]) }},
	{"max", 1, 0, false, func(x []float64) float64 { return slices.Max(x) }},
	{"min", 1, 0, false, func(x []float64) float64 { return slices.Min(x) }},
	{"pow", 2, 2, false, func(x []float64) float64 { return math.Pow(x[0], x[1]) }},
	{"round", 1, 2, false, rounded},
	{"sin", 1, 1, false, func(x []float64) float64 { return math.Sin(x[0]) }},
	{"sqrt", 1, 1, false, func(x []float64) float64 { return math.Sqrt(x[0]) }},
	{"tan", 1, 1, false, func(x []float64) float64 { return math.Tan(x[0]) }},
}

// rounded rounds to whole numbers, or to so many decimals.
func rounded(x []float64) float64 {
	if len(x) == 1 {
		return math.Round(x[0])
	}
	tens := math.Pow(10, math.Round(x[1]))
	return math.Round(x[0]*tens) / tens
}

// call is a function with its arguments.
type call struct {
	function
	arguments []node
	at        int
}

// newCall finds a function and checks how many arguments it has.
func newCall(name string, arguments []node, at int) (node, *Fault) {
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == name })
	if i < 0 {
		var names []string
		for _, f := range functions {
			names = append(names, f.name)
		}
		return nil, &Fault{at, fmt.Sprintf("there is no function %q; those there are: %s", name, strings.Join(names, ", "))}
	}
	f := functions[i]
	if n := len(arguments); n < f.least || f.most > 0 && n > f.most {
		return nil, &Fault{at, fmt.Sprintf("%s does not take %d values", name, n)}
	}
	return call{f, arguments, at}, nil
}

func (c call) check(kinds Kinds) (drivers.Kind, *Fault) {
	kind := drivers.KindFloat
	if c.bool {
		kind = drivers.KindBool
	}
	return kind, want(kinds, drivers.KindFloat, c.at, c.name, c.arguments...)
}

func (c call) eval(get func(string) drivers.Value) drivers.Value {
	x := make([]float64, len(c.arguments))
	for i, a := range c.arguments {
		x[i] = a.eval(get).Float()
	}
	if c.bool {
		return drivers.Bool(c.call(x) != 0)
	}
	return number(c.call(x))
}
