package mapping

import (
	"math"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// tight is a number of the boiler at a place that holds few integers.
func tight(name string, lowest int64, highest uint64, change func(*Rule)) Entry {
	e := entry(name, drivers.KindInt, change)
	e.Point.At = &narrow{place{kind: drivers.KindInt}, lowest, highest}
	return e
}

func TestBoundsAreWithinWhatThePointHolds(t *testing.T) {
	between := func(lowest, highest float64) func(*Rule) {
		return func(r *Rule) { r.Write.Limits.Min, r.Write.Limits.Max = &lowest, &highest }
	}
	tenths := func(lowest, highest float64) func(*Rule) {
		return func(r *Rule) { r.Scale, r.Offset = 0.1, -5; between(lowest, highest)(r) }
	}
	for _, c := range []struct {
		lowest  int64
		highest uint64
		change  func(*Rule)
		want    string // empty: it has no fault
	}{
		{0, 65535, between(0, 65535), ""},
		{0, 65535, between(-1, 70000), "boiler.level.write.min: -1 is not from 0 to 65535, which is what the point holds\n" +
			"boiler.level.write.max: 70000 is not from 0 to 65535, which is what the point holds"},
		{-32768, 32767, tenths(-3281.8, 3271.7), ""},
		{-32768, 32767, tenths(-3281.8, 3271.8), "boiler.level.write.max: 3271.8 is not from -3281.8 to 3271.7, which is what the point holds"},
		{0, 255, func(r *Rule) { between(-255, 0)(r); r.Scale = -1 }, ""},
		{0, math.MaxUint64, between(0, 1e19), ""},
		{0, math.MaxUint64, between(-1, 1e19), "boiler.level.write.min: -1 is not from 0 to 18446744073709551615, which is what the point holds"},
		{0, 255, func(r *Rule) { r.OnStop = ptr("256") }, "boiler.level.on_stop: 256 is not from 0 to 255, which is what the point holds"},
	} {
		got := ""
		if _, err := Compile([]Device{boiler(tight("level", c.lowest, c.highest, c.change))}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// The words of a refusal are those of the one who asked, not of the register.
func TestAValueThatThePointCannotHoldIsRefusedInItsOwnUnit(t *testing.T) {
	b := newBench(t, boiler(tight("level", -32768, 32767, func(r *Rule) { r.Scale = 0.1 }), entry("pump", drivers.KindBool, nil)))
	for _, c := range []struct{ topic, payload, want string }{
		{"device/boiler/level/set", "3276.8", "3276.8 is not from -3276.8 to 3276.7, which is what the point holds"},
		{"device/boiler/set", `{"pump":true,"level":1e10}`, "level: 10000000000 is not from -3276.8 to 3276.7, which is what the point holds"},
		{"device/boiler/level/set", "-3276.8", ""},
	} {
		got := ""
		if _, err := b.Request(mqtt.Message{Topic: c.topic, Payload: []byte(c.payload)}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.topic, c.payload, got, c.want)
		}
	}
}

// single is a place that holds numbers in single precision.
type single struct{ place }

func (*single) Rounded(f float64) float64 { return drivers.Float32(float32(f)).Float() }

// A shadow would wait for ever for digits that the device cannot keep.
func TestReplySaysWhatTheDeviceKeepsOfANumber(t *testing.T) {
	for scale, want := range map[float64]string{1: "0.12345679", 10: "0.12345679"} {
		e := entry("level", drivers.KindFloat, func(r *Rule) { r.Scale = scale })
		e.Point.At = &single{place{kind: drivers.KindFloat}}
		b := newBench(t, boiler(e))
		m := mqtt.Message{Topic: "device/boiler/level/set", Payload: []byte("0.123456789")}
		r, err := b.Request(m)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := b.Reply(m, r, nil)
		if got := string(answer.Payload); got != `{"ok":true,"point":"level","value":`+want+`}` {
			t.Errorf("scale %v: %s", scale, got)
		}
	}
}
