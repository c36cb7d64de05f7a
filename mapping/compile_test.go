package mapping

import (
	"errors"
	"math"
	"testing"
	"time"

	"fieldmq/drivers"
)

func TestFaultsNameThePointAndTheKey(t *testing.T) {
	const b, i, f, x = drivers.KindBool, drivers.KindInt, drivers.KindFloat, drivers.KindText
	limit := func(l Limits) func(*Rule) { return func(r *Rule) { r.Write.Limits = l } }
	topic := func(s string) func(*Rule) { return func(r *Rule) { r.Topic = s } }
	words := func(e Enum) func(*Rule) { return func(r *Rule) { r.Enum = e } }
	onOff := Enum{0: "off", 1: "on"}
	lost := func(value string) Fallback { return Fallback{Given: true, Away: Away{Value: value}} }
	for _, c := range []struct {
		kind   drivers.Kind
		change func(*Rule)
		want   string
	}{
		{i, scaled(0, 0), "scale: 0 is not between 1e-12 and 1e+12, of either sign"},
		{i, scaled(-1e13, 0), "scale: -1e+13 is not between 1e-12 and 1e+12, of either sign"},
		{i, scaled(math.NaN(), 0), "scale: NaN is not between 1e-12 and 1e+12, of either sign"},
		{i, scaled(1, math.Inf(1)), "offset: +Inf is beyond 1e+12"},
		{i, rounded(1, 0, -1), "round: -1 is not between 0 and 12 decimals"},
		{b, scaled(0.1, 0), "scale: is for numbers, and this point holds bool values"},
		{x, rounded(1, 0, 1), "round: is for numbers, and this point holds text values"},
		{x, limit(Limits{Min: ptr(1.0)}), "write.min: is for numbers, and this point holds text values"},
		{b, words(onOff), "enum: gives words to integers, and this point holds bool values"},
		{f, words(onOff), "enum: gives words to integers, and this point holds number values"},
		{i, words(Enum{0: "off", 1: "off"}), `enum: "off" stands for two numbers`},
		{i, words(Enum{0: " off"}), `enum: " off" is no word`},
		{i, words(Enum{0: ""}), `enum: "" is no word`},
		{i, func(r *Rule) { r.Enum, r.Scale = onOff, 2 }, "scale: does not go with enum, whose values are words"},
		{i, func(r *Rule) { r.Enum, r.Write.Limits.Max = onOff, ptr(1.0) }, "write.max: does not go with enum, whose values are words"},
		{f, func(r *Rule) { r.Flags = Flags{0: "hot"} }, "flags: gives words to integers, and this point holds number values"},
		{i, func(r *Rule) { r.Flags = Flags{-1: "hot"} }, "flags: there is no bit -1; bits are 0 (the lowest) to 63"},
		{i, func(r *Rule) { r.Flags = Flags{64: "hot"} }, "flags: there is no bit 64; bits are 0 (the lowest) to 63"},
		{i, func(r *Rule) { r.Flags = Flags{0: "hot", 1: "hot"} }, `flags: "hot" stands for two bits`},
		{i, func(r *Rule) { r.Flags = Flags{0: "hot,cold"} }, `flags: "hot,cold" is no word`},
		{i, func(r *Rule) { r.Flags = Flags{0: "none"} }, `flags: "none" has a meaning already: none is no bit, and bit7 one without a word`},
		{i, func(r *Rule) { r.Flags = Flags{0: "bit3"} }, `flags: "bit3" has a meaning already: none is no bit, and bit7 one without a word`},
		{i, func(r *Rule) { r.Flags, r.Offset = Flags{0: "hot"}, 1 }, "offset: does not go with flags, whose values are words"},
		{i, func(r *Rule) { r.Flags, r.Enum = Flags{0: "hot"}, onOff }, "flags: does not go with enum: an integer has one of its words, or all of its flags"},
		{i, func(r *Rule) { r.Flags, r.Deadband.Width = Flags{0: "hot"}, 1 }, "deadband: is for numbers; other values go out whenever they change"},
		{i, func(r *Rule) { r.Invert = true }, "invert: is for bools, and this point holds integer values"},
		{b, func(r *Rule) { r.Deadband.Width = 1 }, "deadband: is for numbers; other values go out whenever they change"},
		{i, func(r *Rule) { r.Enum, r.Deadband.Width = onOff, 1 }, "deadband: is for numbers; other values go out whenever they change"},
		{i, limit(Limits{Min: ptr(5.0), Max: ptr(4.0)}), "write.min: 5 is above max, 4"},
		{i, limit(Limits{Step: ptr(0.0)}), "write.step: 0 is not above zero"},
		{i, limit(Limits{Max: ptr(math.NaN())}), "write.max: NaN is not a number"},
		{i, limit(Limits{Step: ptr(0.5)}), "write.step: 0.5 is no multiple of the scale, 1"},
		{i, topic("a/+/b"), `topic: "a/+/b" has a wildcard; values are published on one topic`},
		{i, topic("a\x00"), `topic: "a\x00" is no topic name`},
		{i, topic("$SYS/a"), `topic: "$SYS/a" begins with $, which is the broker's`},
		{i, topic("device/tank/status"), `topic: "device/tank/status" is a topic of the gateway itself`},
		{i, topic("device/boiler/other"), "topic: the topic device/boiler/other is taken by boiler/other"},
		{i, topic("device/boiler"), "topic: the topic device/boiler/set is taken by the gateway itself"},
		{i, func(r *Rule) { r.Unit = "m\x00" }, `unit: "m\x00" is no UCUM code such as Cel, V or kW.h`},
		{i, func(r *Rule) { r.QoS = 3 }, "qos: 3 is not 0, 1 or 2"},
		{i, func(r *Rule) { r.Heartbeat = seconds(1e9) }, "heartbeat: 277777h46m40s is longer than a year"},
		{i, func(r *Rule) { r.Expire = Expiry(time.Minute) }, "expire: 1m is not longer than the heartbeat of 1m"},
		{i, func(r *Rule) { r.Expire = Expiry(time.Millisecond) }, "expire: 1ms is shorter than a second, which MQTT counts in"},
		{i, func(r *Rule) { r.Expire = Expiry(2 * longest) }, "expire: " + (2 * Expiry(longest)).String() + " is longer than a year; write never"},
		{i, func(r *Rule) { r.Refresh, r.Write = seconds(5), Write{} }, "refresh: is for points that are written: add write"},
		{b, func(r *Rule) { r.Counter.On, r.Write = true, Write{} }, "counter: is for numbers that are only read"},
		{i, func(r *Rule) { r.Counter.On = true }, "counter: is for numbers that are only read"},
		{i, func(r *Rule) { r.OnStop, r.Write = ptr("1"), Write{} }, "on_stop: read-only point"},
		{i, func(r *Rule) { r.OnStop = ptr("much") }, `on_stop: "much" is not a number`},
		{i, func(r *Rule) { r.OnStop, r.Write.Limits.Max = ptr("5"), ptr(4.0) }, "on_stop: 5 is above the maximum 4"},
		{i, func(r *Rule) { r.Enum, r.OnUplinkLost = onOff, lost("fast") }, `on_uplink_lost: "fast" is none of off, on`},
		{i, func(r *Rule) { r.Expire, r.Heartbeat = Expiry(time.Hour), 0 }, "expire: a value that does not change would expire; it needs a heartbeat"},
	} {
		_, err := Compile([]Device{boiler(entry("other", i, nil), entry("flow", c.kind, c.change))})
		want := "boiler.flow." + c.want
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// narrow is a place that holds few integers.
type narrow struct {
	place
	lowest  int64
	highest uint64
}

func (n *narrow) Bounds() (int64, uint64) { return n.lowest, n.highest }

func TestWordsStandForWhatThePointCanHold(t *testing.T) {
	for _, c := range []struct {
		lowest  int64
		highest uint64
		change  func(*Rule)
		want    string // empty: it has no fault
	}{
		{0, 255, func(r *Rule) { r.Enum = Enum{0: "off", 255: "fault"} }, ""},
		{0, 255, func(r *Rule) { r.Enum = Enum{-1: "off", 255: "on", 256: "fault"} },
			"boiler.mode.enum: -1 is not from 0 to 255, which is what the point holds\n" +
				"boiler.mode.enum: 256 is not from 0 to 255, which is what the point holds"},
		{-128, 127, func(r *Rule) { r.Enum = Enum{-128: "off"} }, ""},
		{-128, 127, func(r *Rule) { r.Enum = Enum{-129: "off"} }, "boiler.mode.enum: -129 is not from -128 to 127, which is what the point holds"},
		{math.MinInt64, math.MaxUint64, func(r *Rule) { r.Enum = Enum{math.MinInt64: "low", math.MaxInt64: "high"} }, ""},
		{0, 255, func(r *Rule) { r.Flags = Flags{0: "hot", 7: "fan"} }, ""},
		{0, 255, func(r *Rule) { r.Flags = Flags{8: "fan"} }, "boiler.mode.flags: there is no bit 8; the bits of the point are 0 (the lowest) to 7"},
		{0, math.MaxUint64, func(r *Rule) { r.Flags = Flags{63: "top"} }, ""},
	} {
		e := entry("mode", drivers.KindInt, c.change)
		e.Point.At = &narrow{place{kind: drivers.KindInt}, c.lowest, c.highest}
		got := ""
		if _, err := Compile([]Device{boiler(e)}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestFaultsOfNamesAndPlaces(t *testing.T) {
	readOnly := entry("flow", drivers.KindInt, nil)
	readOnly.Point.At = &place{kind: drivers.KindInt, readOnly: true}
	stranger := boiler()
	stranger.ID = "Boiler"
	slow := entry("flow", drivers.KindInt, func(r *Rule) { r.Expire = Expiry(5 * time.Minute) })
	slow.Every = 10 * time.Minute
	hasty := boiler(entry("flow", drivers.KindInt, func(r *Rule) { r.Expire = 1 }))
	hasty.Reporting.Expire = 1
	i := drivers.KindInt
	blind := entry("flow", i, func(r *Rule) { r.Write = Write{} })
	blind.WriteOnly = true
	for _, c := range []struct {
		devices []Device
		want    string
	}{
		{[]Device{boiler(blind)}, "boiler.flow.read: a point that is not read must be written: add write"},
		{[]Device{boiler(readOnly)}, "boiler.flow.write: unit 2 holding 101 cannot be written"},
		{[]Device{boiler(slow)}, "boiler.flow.expire: 5m is not longer than the 10m after which the point is read again"},
		{[]Device{hasty}, "boiler.expire: 1ns is shorter than a second, which MQTT counts in"},
		{[]Device{boiler(), boiler()}, "boiler: there are two devices boiler"},
		{[]Device{stranger}, `Boiler: "Boiler" is no id: write a-z, 0-9, - and _, and begin with a letter or digit`},
		{[]Device{boiler(entry("flow", i, nil), entry("flow", i, nil))}, "boiler.flow: there are two points flow"},
		{[]Device{boiler(entry("state", i, nil))}, "boiler.state: state is a name that the gateway uses itself; choose another"},
		{[]Device{boiler(entry("-a", i, nil))}, `boiler.-a: "-a" is no name of a point: write a-z, 0-9, - and _, and begin with a letter or digit`},
		{[]Device{boiler(
			entry("a", i, func(r *Rule) { r.Topic = "device/boiler/b" }),
			entry("b", i, nil),
		)}, "boiler.b: the topic device/boiler/b is taken by boiler/a"},
		{[]Device{boiler(
			entry("a", i, func(r *Rule) { r.Topic = "cellar/x" }),
			entry("b", i, func(r *Rule) { r.Topic = "cellar/x/set" }),
		)}, "boiler.b.topic: the topic cellar/x/set is taken by boiler/a"},
		{[]Device{boiler(
			entry("a", i, scaled(0, 0)),
			entry("b", i, func(r *Rule) { r.QoS, r.Unit = 7, "\xff" }),
		)}, "boiler.a.scale: 0 is not between 1e-12 and 1e+12, of either sign\n" +
			"boiler.b.qos: 7 is not 0, 1 or 2\n" +
			`boiler.b.unit: "\xff" is no UCUM code such as Cel, V or kW.h`},
	} {
		_, err := Compile(c.devices)
		var faults Faults
		if err == nil || err.Error() != c.want || !errors.As(err, &faults) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestInheritedDeadbandIsNoFaultOfAText(t *testing.T) {
	d := boiler(entry("serial", drivers.KindText, func(r *Rule) { r.Deadband = Deadband{Width: 1, Percent: true} }))
	d.Reporting.Deadband = Deadband{Width: 1, Percent: true}
	b := newBench(t, d)
	b.hears(b.good("serial", drivers.Text("100")))
	expect(t, b.hears(b.good("serial", drivers.Text("100.5"))), "device/boiler/serial 100.5",
		`device/boiler/state {"ts":1795209372123,"serial":"100.5"}`)
}

func TestBoundsOfNumbersThatTheDeviceHoldsAsFloatsNeedNoGrid(t *testing.T) {
	compile(t, boiler(entry("level", drivers.KindFloat, func(r *Rule) { r.Write.Limits.Step = ptr(0.3) })))
}
