package expr

import (
	"errors"
	"strings"
	"testing"

	"fieldmq/drivers"
)

// plant are the values that names have in the tests.
var plant = map[string]drivers.Value{
	"value": drivers.Float(1.05), "a": drivers.Float(7), "b": drivers.Float(2), "zero": drivers.Float(0),
	"word": drivers.Float(0x8005), "pump-1": drivers.Bool(true), "open": drivers.Bool(false), "mode": drivers.Text("heating"),
}

func kinds(name string) (drivers.Kind, bool) {
	v, ok := plant[name]
	return v.Kind(), ok
}

func get(name string) drivers.Value { return plant[name] }

func TestExpressionsAreComputed(t *testing.T) {
	for text, want := range map[string]string{
		"1 + 2 * 3":          "7",
		"(1 + 2) * 3":        "9",
		"7 - 2 - 1":          "4",
		"12 / 4 / 3":         "1",
		"7 % 4":              "3",
		"-7 + 2":             "-5",
		"--7":                "7",
		"2 - -2":             "4",
		".5 + 1e2 + 1.5E-1":  "100.65",
		"0xFF & 0x0F":        "15",
		"1 << 4 | 3":         "19",
		"word >> 15":         "1",
		"6 ^ 3":              "5",
		"~0 & 255":           "255",
		"1 | 2 == 3":         "true", // unlike C
		"(1 | 2) == 3":       "true",
		"a - b":              "5",
		"a > b":              "true",
		"a > b && b >= 3":    "false",
		"a > b and not open": "true",
		"open or [pump-1]":   "true",
		"!open":              "true",
		"mode == 'heating'":  "true",
		`mode != "off"`:      "true",
		"open == [pump-1]":   "false",
		"a > 5 ? 1 : 0":      "1",
		"value > 1 ? 2 - value : value < -1 ? -2 - value : value": "0.95",
		"min(a, b, 3)":                           "2",
		"max(a)":                                 "7",
		"abs(b - a)":                             "5",
		"round(a / 3)":                           "2",
		"round(a / 3, 2)":                        "2.33",
		"floor(2.7) + ceil(.1)":                  "3",
		"sqrt(a * a)":                            "7",
		"pow(b, 10)":                             "1024",
		"log10(1000) + log(exp(1))":              "4",
		"bit(word, 2)":                           "true",
		"bit(word, 1)":                           "false",
		"cos(0) + sin(0) + tan(0) + atan2(0, 1)": "1",
		"zero == 0 ? 0 : a / zero":               "0",
		"true":                                   "true",
		"'text'":                                 "text",
		"  a  ":                                  "7",
		"a << 100":                               "-9223372036854776000",
		"a / zero":                               "!",
		"0 / zero":                               "!",
		"sqrt(-1)":                               "!",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		kind, err := e.Check(kinds)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Eval(get)
		switch {
		case want == "!":
			if !errors.Is(err, drivers.ErrNoValue) {
				t.Errorf("%s is %v, %v", text, got, err)
			}
		case err != nil || got.String() != want || got.Kind() != kind:
			t.Errorf("%s is %v (%v, checked as %v), %v; want %s", text, got, got.Kind(), kind, err, want)
		}
	}
}

func TestFaultsOfExpressionsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "at character 1: something is missing here",
		"a +":                      "at character 4: something is missing here",
		"a b":                      `at character 3: "b" does not belong here`,
		"(a":                       "at character 3: a closing parenthesis is missing",
		"a)":                       `at character 2: ")" does not belong here`,
		"a ? b":                    "at character 6: a colon is missing: condition ? value : other",
		"a $ b":                    `at character 3: '$' does not belong here`,
		"1.2.3":                    `at character 1: "1.2.3" is not a number`,
		"12volts":                  `at character 1: "12volts" is not a number`,
		"0xZZ":                     `at character 1: "0xZZ" is not a hexadecimal number of at most 53 bits`,
		"'abc":                     "at character 1: ' is not closed by '",
		"[abc":                     "at character 1: [ is not closed by ]",
		"round()":                  "at character 1: round does not take 0 values",
		"abs(1, 2)":                "at character 1: abs does not take 2 values",
		"abs(1 2)":                 "at character 7: a comma or a closing parenthesis is missing",
		"nothing(1)":               `at character 1: there is no function "nothing"; those there are: abs, atan2, bit, ceil, cos, exp, floor, log, log10, max, min, pow, round, sin, sqrt, tan`,
		"a + nowhere":              `at character 5: there is no point "nowhere"`,
		"a + open":                 "at character 3: + needs a number, and this is a bool",
		"mode > 1":                 "at character 6: > needs a number, and this is a text",
		"mode == 1":                "at character 6: == compares a text with a number",
		"a && open":                "at character 3: && needs a bool, and this is a number",
		"a ? 1 : 2":                "at character 3: ? needs a bool, and this is a number",
		"open ? 1 : 'b'":           "at character 6: one side of the choice is a number, the other a text",
		"!a":                       "at character 1: ! needs a bool, and this is a number",
		"-open":                    "at character 1: - needs a number, and this is a bool",
		"abs(open)":                "at character 1: abs needs a number, and this is a bool",
		"a = b":                    `at character 3: '=' does not belong here`,
		strings.Repeat("(", 500):   "at character 101: the expression is nested too deep",
		strings.Repeat("-", 500):   "at character 100: the expression is nested too deep",
		strings.Repeat("1+", 2000): "at character 2000: the expression is longer than 2000 characters",
	} {
		e, err := Parse(text)
		if err == nil {
			_, err = e.Check(kinds)
		}
		if err == nil || err.Error() != want {
			t.Errorf("%.40s: got  %v\nwant %s", text, err, want)
		}
	}
}

func TestNamesComeOnceEach(t *testing.T) {
	e, err := Parse("b + [pump-1] ? a : b + min(a, value)")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(e.Names(), " "); got != "b pump-1 a value" {
		t.Errorf("got %s", got)
	}
}

func FuzzExpressions(f *testing.F) {
	for _, s := range []string{"a+b*2", "open ? 1 : -2", "[pump-1] and not (a<1)", "round(a/3,2)", "'x'==mode", "0x1f>>2", "1e999", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.At < 1 || fault.At > max(len(text), longest)+1 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		kind, err := e.Check(kinds)
		if err != nil {
			return
		}
		v, err := e.Eval(get)
		if err == nil && v.Kind() != kind {
			t.Errorf("%q is a %v, and was to be a %v", text, v.Kind(), kind)
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%q does not read back: %v", text, err)
		}
	})
}
