package mapping

import (
	"math"
	"testing"

	"fieldmq/drivers"
)

// meter is a place whose counts begin again after some.
type meter struct {
	place
	cycle uint64
}

func (m *meter) Cycle() uint64 { return m.cycle }

func TestTotalsOnlyGrow(t *testing.T) {
	i, u, f := drivers.Int, drivers.Uint, drivers.Float
	for name, c := range map[string]struct {
		kind  drivers.Kind
		cycle uint64
		wrap  float64
		reads []drivers.Value
		want  []drivers.Value
	}{
		"counts on":                  {drivers.KindInt, 1 << 16, 0, []drivers.Value{i(100), i(100), i(150)}, []drivers.Value{i(100), i(100), i(150)}},
		"rolls over":                 {drivers.KindInt, 1 << 16, 0, []drivers.Value{i(65530), i(4), i(5)}, []drivers.Value{i(65530), i(65540), i(65541)}},
		"is reset":                   {drivers.KindInt, 1 << 16, 0, []drivers.Value{i(30000), i(4), i(5)}, []drivers.Value{i(30000), i(30004), i(30005)}},
		"is reset to a higher count": {drivers.KindInt, 1 << 16, 0, []drivers.Value{i(65530), i(20000)}, []drivers.Value{i(65530), i(85530)}},
		"rolls over where told":      {drivers.KindInt, 1 << 32, 100000, []drivers.Value{i(99998), i(3)}, []drivers.Value{i(99998), i(100003)}},
		"is signed":                  {drivers.KindInt, 1 << 32, 0, []drivers.Value{i(math.MaxInt32), i(math.MinInt32), i(-1), i(1)}, []drivers.Value{i(1<<31 - 1), i(1 << 31), i(1<<32 - 1), i(1<<32 + 1)}},
		"never rolls over":           {drivers.KindInt, 0, 0, []drivers.Value{u(math.MaxUint64 - 1), i(3)}, []drivers.Value{u(math.MaxUint64 - 1), i(1)}},
		"counts in floats":           {drivers.KindFloat, 0, 0, []drivers.Value{f(10.5), f(11), f(0.25)}, []drivers.Value{f(10.5), f(11), f(11.25)}},
		"rolls floats over":          {drivers.KindFloat, 0, 1000, []drivers.Value{f(999.5), f(0.5)}, []drivers.Value{f(999.5), f(1000.5)}},
	} {
		t.Run(name, func(t *testing.T) {
			total := newTotal(&meter{place{kind: c.kind}, c.cycle}, Counter{true, Wrapping{c.wrap}})
			for n, v := range c.reads {
				if got := total.add(v); got != c.want[n] {
					t.Errorf("%v makes %v, want %v", v, got, c.want[n])
				}
			}
		})
	}
}

func TestTotalsAreScaledAndKept(t *testing.T) {
	pulses := entry("pulses", drivers.KindInt, func(r *Rule) { r.Scale, r.Write, r.Counter.On = 0.5, Write{}, true })
	pulses.Point.At = &meter{place{kind: drivers.KindInt}, 1 << 16}
	b := newBench(t, boiler(pulses))
	if got := b.Counts("boiler"); got != nil {
		t.Errorf("before anything is counted there is %s", got)
	}
	b.hears(b.good("pulses", drivers.Int(65535)))
	expect(t, b.hears(b.good("pulses", drivers.Int(1))), "device/boiler/pulses 32768.5",
		`device/boiler/state {"ts":1795209372123,"pulses":32768.5}`)
	kept := b.Counts("boiler")
	if again := b.Counts("boiler"); again != nil {
		t.Errorf("nothing has changed, and there is %s", again)
	}
	after := newBench(t, boiler(pulses))
	after.Recall("boiler", kept)
	after.Recall("tank", kept)
	expect(t, after.hears(after.good("pulses", drivers.Int(3))), "device/boiler/pulses 32769.5",
		`device/boiler/state {"ts":1795209372123,"pulses":32769.5}`)
}

func FuzzRecall(f *testing.F) {
	f.Add([]byte(`{"pulses":{"last":"7","sum":"9"}}`))
	f.Add([]byte(`{"pulses":{"last":"-7"},"other":{}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		b := newBench(t, boiler(entry("pulses", drivers.KindInt, func(r *Rule) { r.Counter.On, r.Write = true, Write{} })))
		b.Recall("boiler", kept)
		b.hears(b.good("pulses", drivers.Int(8)))
		if b.Counts("boiler") == nil {
			t.Error("nothing is kept")
		}
	})
}
