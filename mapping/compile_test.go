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
		{i, func(r *Rule) { r.Expire, r.Heartbeat = Expiry(time.Hour), 0 }, "expire: a value that does not change would expire; it needs a heartbeat"},
	} {
		_, err := Compile([]Device{boiler(entry("other", i, nil), entry("flow", c.kind, c.change))})
		want := "boiler.flow." + c.want
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
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
	for _, c := range []struct {
		devices []Device
		want    string
	}{
		{[]Device{boiler(readOnly)}, "boiler.flow.write: unit 2 holding 101 cannot be written"},
		{[]Device{boiler(slow)}, "boiler.flow.expire: 5m is not longer than the 10m after which the point is read again"},
		{[]Device{hasty}, "boiler.expire: 1ns is shorter than a second, which MQTT counts in"},
		{[]Device{boiler(), boiler()}, "boiler: there are two devices boiler"},
		{[]Device{stranger}, `Boiler: "Boiler" is no id: write a-z, 0-9, - and _, and begin with a letter or digit`},
		{[]Device{boiler(entry("flow", i, nil), entry("flow", i, nil))}, "boiler.flow: there are two points flow"},
		{[]Device{boiler(entry("state", i, nil))}, "boiler.state: state is a name that the gateway uses itself"},
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
