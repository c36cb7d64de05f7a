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
			a.Initial = yes
			a.AllowWrite()
		}, "", ""},
		"lets a counter be": {func(a *Address) { a.Count, a.Debounce = both, 1 }, "", ""},
		"refuses a negative offset": {func(a *Address) { a.Line = "-1" },
			"line", "is the name of a line, such as GPIO17, or its offset on the chip, from 0"},
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
		"lets a PWM output be": {func(a *Address) {
			a.PWM, a.Line, a.Frequency, a.Active, a.Duty = "fe20c000.pwm", "1", 50, activeLow, new(7.5)
			a.AllowWrite()
		}, "", ""},
		"refuses a frequency of a line": {func(a *Address) { a.Frequency = 50 }, "frequency", "goes with pwm"},
		"refuses a duty of a line":      {func(a *Address) { a.Duty = new(1.0) }, "duty", "goes with pwm"},
		"refuses the path of a PWM chip": {func(a *Address) { a.PWM, a.Line = "/sys/class/pwm/pwmchip0", "0" },
			"pwm", "is the name of a chip, such as pwmchip0, or of its device, without a path"},
		"refuses a PWM output of a line":     {func(a *Address) { a.PWM = "pwmchip0" }, "line", "is the number of a channel, from 0, on a PWM output"},
		"refuses a channel in octal":         {func(a *Address) { a.PWM, a.Line = "pwmchip0", "01" }, "line", "is the number of a channel, from 0, on a PWM output"},
		"refuses a PWM output to be read in": {func(a *Address) { a.PWM, a.Line, a.Direction = "pwmchip0", "0", in }, "direction", "a PWM output is no input; drop direction: in"},
		"refuses to count a PWM output": {func(a *Address) { a.PWM, a.Line, a.Count = "pwmchip0", "0", rising },
			"pwm", "an output has no pulses to count or measure; make two points of it"},
		"refuses to debounce a PWM output": {func(a *Address) { a.PWM, a.Line, a.Debounce = "pwmchip0", "0", 1 },
			"debounce", "is for inputs; this is a PWM output"},
		"refuses to pull a PWM output": {func(a *Address) { a.PWM, a.Line, a.Bias = "pwmchip0", "0", "pull-up" },
			"bias", "is for inputs; this is a PWM output"},
		"refuses a level for a PWM output": {func(a *Address) { a.PWM, a.Line, a.Initial = "pwmchip0", "0", yes },
			"initial", "is true or false; a PWM output begins with its duty"},
		"refuses a window of a PWM output": {func(a *Address) { a.PWM, a.Line, a.Window = "pwmchip0", "0", 1 }, "window", "goes with measure"},
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

func TestCheckFindsAChannelThatIsTwoPoints(t *testing.T) {
	line, first, second := input("0"), fan("0", nil), fan("0", nil)
	other := fan("0", func(a *Address) { a.PWM = "pwmchip1" })
	got := (&Settings{}).Check([]*drivers.Point{line, first, other, second})
	if len(got) != 1 || got[0].Point != second || got[0].Key != "line" {
		t.Errorf("got %v", got)
	}
}

func TestCheckFindsAChannelUnderTwoNames(t *testing.T) {
	k := newPWMKernel(t)
	tree := k.tree()
	named := func(chip, channel string) *drivers.Point {
		return fan(channel, func(a *Address) { a.PWM = chip })
	}
	points := func() []*drivers.Point {
		return []*drivers.Point{named("pwmchip0", "0"), named("fe20c000.pwm", "1"), named("pwmchip7", "0"), named("pwm@7e20c000", "0")}
	}
	all := points()
	got := (&Settings{Chip: "/dev/gpiochip0", pwm: &tree}).Check(all)
	if want := "pwm@7e20c000 channel 0 is the point board/fan0 already: pwm@7e20c000 is another name of pwmchip0"; len(got) != 1 || got[0].Point != all[3] || got[0].Key != "line" || got[0].Text != want {
		t.Errorf("got %v", got)
	}
	if got := (&Settings{Chip: "/run/chip", pwm: &tree}).Check(points()); len(got) > 0 {
		t.Errorf("a simulated chip has nothing to do with the kernel: %v", got)
	}
	if got := k.writes(); len(got) > 0 {
		t.Errorf("wrote %q", got)
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
		"is a PWM output":              {func(a *Address) { a.PWM = "pwmchip0" }, drivers.KindFloat, true, true, both},
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
