package gpio

import (
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

func TestCheckFindsContradictions(t *testing.T) {
	tests := map[string]struct {
		set  func(*Address)
		key  string
		text string
	}{
		"lets an input be": {func(a *Address) { a.Bias, a.Debounce = "pull-up", 1 }, "", ""},
		"lets an output be": {func(a *Address) {
			a.Initial, a.OnStop = yes, "false"
			a.AllowWrite()
		}, "", ""},
		"lets a counter be": {func(a *Address) { a.Count, a.Debounce = both, 1 }, "", ""},
		"refuses to count an output": {func(a *Address) { a.Count, a.Direction = rising, out },
			"count", "an output has no pulses to count; drop direction: out"},
		"refuses to write an input": {func(a *Address) { a.Direction = in; a.AllowWrite() },
			"direction", "a line that is written is an output; drop direction: in"},
		"refuses to debounce an output": {func(a *Address) { a.Debounce = configs.Duration(time.Second); a.AllowWrite() },
			"debounce", "is for inputs; this line is an output"},
		"refuses to pull an output": {func(a *Address) { a.Bias, a.Direction = "pull-up", out },
			"bias", "is for inputs; this line is an output"},
		"refuses to set an input": {func(a *Address) { a.Initial = yes },
			"initial", "is for outputs; this line is an input"},
		"refuses to set an input at the end": {func(a *Address) { a.OnStop = "false" },
			"on_stop", "is for outputs; this line is an input"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := point("p", func(a *Address) { a.Line = "GPIO1"; tt.set(a) })
			var got drivers.Conflict
			if found := (&Settings{}).Check([]*drivers.Point{p}); len(found) == 1 {
				got = found[0]
			}
			if got.Key != tt.key || got.Text != tt.text {
				t.Errorf("got %q: %q", got.Key, got.Text)
			}
		})
	}
}

func TestCheckFindsALineThatIsTwoPoints(t *testing.T) {
	first, second := input("GPIO1"), input("GPIO1")
	got := (&Settings{}).Check([]*drivers.Point{first, input("GPIO2"), second})
	if len(got) != 1 || got[0].Point != second || got[0].Key != "line" || got[0].Text != "GPIO1 is the point board/GPIO1 already" {
		t.Errorf("got %v", got)
	}
}

func TestAddressKnowsWhatItIs(t *testing.T) {
	tests := map[string]struct {
		set      func(*Address)
		kind     drivers.Kind
		writable bool
		output   bool
		edges    string
	}{
		"is an input at first":         {func(*Address) {}, drivers.KindBool, true, false, both},
		"is an output when written":    {func(a *Address) { a.AllowWrite() }, drivers.KindBool, true, true, both},
		"is an output by its key":      {func(a *Address) { a.Direction = out }, drivers.KindBool, true, true, both},
		"is a counter":                 {func(a *Address) { a.Count = falling }, drivers.KindInt, false, false, falling},
		"stays a counter when written": {func(a *Address) { a.Count = rising; a.AllowWrite() }, drivers.KindInt, false, false, rising},
		"hears both edges to debounce": {func(a *Address) { a.Count, a.Debounce = rising, 1 }, drivers.KindInt, false, false, both},
		"turns edges that are active low": {func(a *Address) { a.Count, a.Active = rising, activeLow },
			drivers.KindInt, false, false, falling},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := point("p", tt.set).At.(*Address)
			if a.Kind() != tt.kind || a.Writable() != tt.writable || a.Output() != tt.output || a.edges() != tt.edges {
				t.Errorf("got %v, writable %v, output %v, edges %s", a.Kind(), a.Writable(), a.Output(), a.edges())
			}
		})
	}
}
