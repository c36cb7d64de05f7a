package mapping

import (
	"testing"
	"time"

	"fieldmq/drivers"
)

// expression is an Expression from a text.
func expression(t testing.TB, text string) Expression {
	t.Helper()
	var e Expression
	if err := e.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return e
}

// computed is a point of the boiler that is made of others.
func computed(t testing.TB, name, text string, change func(*Rule)) Entry {
	rule := NewRule(DefaultReporting())
	rule.Expr = expression(t, text)
	if change != nil {
		change(&rule)
	}
	return Entry{Point: &drivers.Point{Device: "boiler", Name: name, At: NewFormula(rule.Expr)}, Rule: rule, Every: time.Second}
}

// reads is a point that changes its own reading.
func reads(t testing.TB, name string, kind drivers.Kind, text string, change func(*Rule)) Entry {
	return entry(name, kind, func(r *Rule) {
		r.Write, r.Expr = Write{}, expression(t, text)
		if change != nil {
			change(r)
		}
	})
}

// house is a boiler whose meters are counted together.
func house(t testing.TB) Device {
	d := boiler(
		entry("import", drivers.KindInt, func(r *Rule) { r.Scale = 0.1 }),
		entry("export-1", drivers.KindInt, func(r *Rule) { r.Scale = 0.1 }),
		reads(t, "factor", drivers.KindFloat, "value > 1 ? 2 - value : value < -1 ? -2 - value : value", func(r *Rule) { r.Round = ptr(3) }),
		entry("ratio", drivers.KindInt, nil),
		reads(t, "current", drivers.KindInt, "value * ratio", func(r *Rule) { r.Scale = 0.01 }),
		entry("pump", drivers.KindBool, nil),
	)
	d.Computed = []Entry{
		computed(t, "importing", "net > 0", nil), // before what it needs
		computed(t, "net", "import - [export-1]", func(r *Rule) { r.Unit, r.Deadband = "W", Deadband{Width: 0.5} }),
		computed(t, "mode", "pump ? 'running' : 'standing'", nil),
	}
	return d
}

func TestComputedPointsFollowThoseTheyAreMadeOf(t *testing.T) {
	b := newBench(t, house(t))
	expect(t, b.hears(b.good("import", drivers.Int(1000)), b.good("export-1", drivers.Int(1)), b.good("pump", drivers.Bool(true))),
		"device/boiler/import 100", "device/boiler/export-1 0.1", "device/boiler/pump true",
		"device/boiler/net 99.9", "device/boiler/importing true", "device/boiler/mode running",
		`device/boiler/state {"ts":1795209372123,"import":100,"export-1":0.1,"pump":true,"importing":true,"net":99.9,"mode":"running"}`)
	b.now = b.now.Add(time.Second)
	expect(t, b.hears(b.good("pump", drivers.Bool(true)))) // nothing new
	expect(t, b.hears(b.good("export-1", drivers.Int(2000))),
		"device/boiler/export-1 200", "device/boiler/net -100", "device/boiler/importing false",
		`device/boiler/state {"ts":1795209373123,"import":100,"export-1":200,"pump":true,"importing":false,"net":-100,"mode":"running"}`)
}

func TestComputedPointsAreAsBadAsTheWorst(t *testing.T) {
	b := newBench(t, house(t))
	b.hears(b.good("import", drivers.Int(1000)))
	got := b.hears(b.bad("export-1", drivers.ErrOffline))
	expect(t, got, `device/boiler/state {"ts":1795209372123,"import":100,"errors":{"export-1":"no answer",`+
		`"importing":"net: export-1: no answer","net":"export-1: no answer"}}`)
}

func TestComputedPointsAreAsOldAsTheOldest(t *testing.T) {
	b := newBench(t, house(t))
	old := b.now
	b.hears(b.good("import", drivers.Int(1000)), b.good("export-1", drivers.Int(0)))
	b.now = b.now.Add(10 * time.Second)
	for _, m := range b.Messages([]drivers.Sample{b.good("export-1", drivers.Int(500))}, b.now) {
		if m.Topic == "device/boiler/net" && m.UserProperties[0].Value != "1795209372123" {
			t.Errorf("%s is of %v, not of %v", m.Payload, m.UserProperties, old.UnixMilli())
		}
	}
	b.now = b.now.Add(5 * time.Minute)
	got := b.hears(b.good("export-1", drivers.Int(600)))
	want := `device/boiler/state {"ts":1795209682123,"export-1":60,"errors":{"import":"stale","importing":"net: import: stale","net":"import: stale"}}`
	if got[len(got)-1] != want {
		t.Errorf("got  %s\nwant %s", got[len(got)-1], want)
	}
}

func TestReadingsAreChangedByTheirExpression(t *testing.T) {
	b := newBench(t, house(t))
	for raw, want := range map[float64]string{0.95: "0.95", 1.05: "0.95", -0.9: "-0.9", -1.1: "-0.9", 1: "1"} {
		b.Forget("boiler")
		b.now = b.now.Add(time.Millisecond)
		if got := b.hears(b.good("factor", drivers.Float(raw))); got[0] != "device/boiler/factor "+want {
			t.Errorf("%v: got %s, want %s", raw, got[0], want)
		}
	}
	b = newBench(t, house(t))
	// The transformer's ratio comes behind the current that needs it.
	expect(t, b.hears(b.good("current", drivers.Int(523)), b.good("ratio", drivers.Int(40))),
		"device/boiler/ratio 40", "device/boiler/current 209.2",
		`device/boiler/state {"ts":1795209372123,"ratio":40,"current":209.2}`)
	b.now = b.now.Add(time.Second)
	expect(t, b.hears(b.bad("current", drivers.ErrNoValue)),
		`device/boiler/state {"ts":1795209372123,"ratio":40,"errors":{"current":"no value"}}`)
}

func TestFaultsOfFormulasNameThePoint(t *testing.T) {
	i := drivers.KindInt
	for _, c := range []struct {
		name   string
		device Device
		want   string
	}{
		{"needs itself", withComputed(boiler(entry("a", i, nil)), computed(t, "x", "y + 1", nil), computed(t, "y", "x + a", nil)),
			"boiler.x.expr: x is computed from itself"},
		{"needs nobody", withComputed(boiler(entry("a", i, nil)), computed(t, "x", "b + 1", nil)),
			`boiler.x.expr: at character 1: there is no point "b"`},
		{"adds a word", withComputed(boiler(entry("a", i, func(r *Rule) { r.Enum = Enum{0: "off"} })), computed(t, "x", "a + 1", nil)),
			"boiler.x.expr: at character 3: + needs a number, and this is a text"},
		{"rounds a bool", withComputed(boiler(entry("a", i, nil)), computed(t, "x", "a > 1", func(r *Rule) { r.Round = ptr(1) })),
			"boiler.x.round: is for numbers, and this point holds bool values"},
		{"writes what is computed", boiler(reads(t, "a", i, "value * 2", func(r *Rule) { r.Write.Allowed = true })),
			"boiler.a.expr: a value that is computed cannot be written; remove write"},
	} {
		_, err := Compile([]Device{c.device})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func withComputed(d Device, entries ...Entry) Device {
	d.Computed = entries
	return d
}

func TestInfoNamesComputedPoints(t *testing.T) {
	b := newBench(t, house(t))
	golden(t, "info-computed.json", b.Info("boiler").Payload)
}
