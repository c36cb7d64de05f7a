package configs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fleet is what tests of ranges read.
type fleet struct {
	Devices Sections `yaml:"devices" check:"names"`
}

type fleetDevice struct {
	Unit   int      `yaml:"unit"`
	Name   string   `yaml:"name"`
	Match  string   `yaml:"match"`
	List   []int    `yaml:"list"`
	Points Sections `yaml:"points" check:"names"`
}

type fleetPoint struct {
	Input int `yaml:"input"`
}

// readFleet is the devices of a text, in words, and its faults.
func readFleet(text string) (devices []string, faults []string) {
	doc := Parse("site.yaml", []byte(text), nil)
	var f fleet
	doc.Root().Decode(&f)
	for _, s := range f.Devices {
		var d fleetDevice
		s.Decode(&d)
		line := fmt.Sprintf("%s: unit %d", s.Name, d.Unit)
		if d.Name != "" {
			line += " " + d.Name
		}
		if d.Match != "" {
			line += " " + d.Match
		}
		if len(d.List) > 0 {
			line += fmt.Sprint(" ", d.List)
		}
		for _, p := range d.Points {
			var point fleetPoint
			p.Decode(&point)
			line += fmt.Sprintf(" %s@%d", p.Name, point.Input)
		}
		devices = append(devices, line)
	}
	for _, f := range doc.Faults() {
		faults = append(faults, f.String())
	}
	return devices, faults
}

func TestRangesStandForManySections(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"counts in blocks":       {"devices:\n  m-{1..3}:\n    unit: {11..13}", []string{"m-1: unit 11", "m-2: unit 12", "m-3: unit 13"}},
		"counts in quotes":       {"devices:\n  m-{1..2}: {unit: \"{7..8}\", name: 'Meter {1..2} of {3..4}'}", []string{"m-1: unit 7 Meter 1 of 3", "m-2: unit 8 Meter 2 of 4"}},
		"counts down":            {"devices:\n  m-{1..3}: {unit: {9..7}}", []string{"m-1: unit 9", "m-2: unit 8", "m-3: unit 7"}},
		"counts in steps":        {"devices:\n  m-{1..3}: {unit: {0..4..2}}", []string{"m-1: unit 0", "m-2: unit 2", "m-3: unit 4"}},
		"keeps zeros":            {"devices:\n  m-{08..10}: {unit: {1..3}}", []string{"m-08: unit 1", "m-09: unit 2", "m-10: unit 3"}},
		"takes words":            {"devices:\n  pump-{east,west}: {unit: {4, 7}, name: '{Right,Left}'}", []string{"pump-east: unit 4 Right", "pump-west: unit 7 Left"}},
		"leaves other braces":    {"devices:\n  m-{1..2}: {unit: 5, match: '\\d{1,2}{2}'}", []string{`m-1: unit 5 \d{1,2}{2}`, `m-2: unit 5 \d{1,2}{2}`}},
		"reaches into lists":     {"devices:\n  m-{1..2}: {unit: 5, list: [1, {8..9}]}", []string{"m-1: unit 5 [1 8]", "m-2: unit 5 [1 9]"}},
		"makes points":           {"devices:\n  m:\n    unit: 1\n    points:\n      t-{1..2}: {input: {0..2..2}}", []string{"m: unit 1 t-1@0 t-2@2"}},
		"makes points of many":   {"devices:\n  m-{1..2}:\n    unit: {1..2}\n    points:\n      t-{1..3}: {input: {7..9}}\n      one: {input: {3..4}}", []string{"m-1: unit 1 t-1@7 t-2@8 t-3@9 one@3", "m-2: unit 2 t-1@7 t-2@8 t-3@9 one@4"}},
		"lets one differ":        {"devices:\n  m-{1..2}: {unit: {1..2}, name: M}\n  m-2: {unit: 12}", []string{"m-1: unit 1 M", "m-2: unit 12 M"}},
		"lets one differ before": {"devices:\n  m-2: {unit: 12}\n  m-{1..2}: {unit: {1..2}, name: M}", []string{"m-2: unit 12 M", "m-1: unit 1 M"}},
		"is a name without":      {"devices:\n  m: {unit: 1}", []string{"m: unit 1"}},
	} {
		got, faults := readFleet(c.text)
		if !slices.Equal(got, c.want) || faults != nil {
			t.Errorf("%s: got %q, %q\nwant %q", name, got, faults, c.want)
		}
	}
}

func TestFaultsOfRangesAreShownAtTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"devices:\n  m-{1..8}: {unit: {1..7}}":                   "site.yaml:2:20: devices.m-{1..8}.unit: has 7 values, and m-{1..8} stands for 8 sections",
		"devices:\n  m-{1..2}: {unit: {one, two}}":               `site.yaml:2:20: devices.m-1.unit: "one" is not a whole number`,
		"devices:\n  m-{1..2}: {units: 1}":                       `site.yaml:2:14: devices.m-1.units: unknown key; did you mean "unit"?`,
		"devices:\n  m-{1..5000}: {unit: 1}":                     "site.yaml:2:3: devices.m-{1..5000}: {1..5000} stands for 5000 sections; the most is 1000",
		"devices:\n  m-{1..5..0}: {unit: 1}":                     "site.yaml:2:3: devices.m-{1..5..0}: {1..5..0} has a step of 0; write one above 0",
		"devices:\n  m-{1..2}: {unit: 1}\n  m-{2..3}: {unit: 2}": `site.yaml:3:3: devices.m-2: two ranges make "m-2"`,
		"devices:\n  M-{1..2}: {unit: 1}":                        `site.yaml:2:3: devices.M-1: "M-1" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as m-1`,
		"devices:\n  m-{1..2: {unit: 1}":                         `site.yaml:2:3: devices.m-{1..2: "m-{1..2" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as m--1--2`,
		"devices:\n  m: {unit: {1..8}}":                          "site.yaml:2:13: devices.m.unit: is the range {1..8}; a range needs one in the name of its section too, such as meter-{1..8}",
	} {
		_, faults := readFleet(text)
		if len(faults) == 0 || faults[0] != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, strings.Join(faults, "\n     "), want)
		}
	}
}

func TestRangesWithinRangesAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("devices:\n  m-{1..1000}:\n    points:\n")
	for n := range 300 {
		fmt.Fprintf(&text, "      p%d: {input: 1}\n", n)
	}
	if _, faults := readFleet(text.String()); len(faults) != 1 || !strings.Contains(faults[0], "too many values") {
		t.Errorf("got %d faults", len(faults))
	}
}

func FuzzRanges(f *testing.F) {
	for _, s := range []string{"m-{1..3}", "{a,b}", "{1..9..2}x", "{{1..2}", "{..}", "{-1..-3}", "{09..11}", "{1..2}{3..4}"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		text := fmt.Sprintf("devices:\n  %q: {name: %q}\n", name, value)
		readFleet(text)
	})
}
