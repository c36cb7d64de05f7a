package mapping

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFirstSamplesAreNews(t *testing.T) {
	b := newBench(t, plant())
	expect(t,
		b.hears(
			b.good("energy", drivers.Float(1204.456)),
			b.good("flow", drivers.Int(214)),
			b.good("mode", drivers.Int(1)),
			b.good("pump", drivers.Bool(true)),
			b.good("serial", drivers.Text(`A"7`)),
			b.bad("setpoint", fmt.Errorf("illegal data address: %w", drivers.ErrRefused)),
		),
		"device/boiler/energy 1204.46",
		"device/boiler/flow 21.4",
		"device/boiler/mode heating",
		"cellar/pump true",
		`device/boiler/serial A"7`,
		`device/boiler/state {"ts":1795209372123,"flow":21.4,"mode":"heating","pump":true,"serial":"A\"7",`+
			`"energy":1204.46,"errors":{"setpoint":"illegal data address: refused"}}`)
}

func TestUnchangedValuesAreNotRepeated(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(1)))
	b.now = b.now.Add(time.Second)
	expect(t, b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(1))))
}

func TestChangesAreEvents(t *testing.T) {
	device := plant()
	for i := range device.Points {
		device.Points[i].Rule.Event = device.Points[i].Point.Name == "mode"
	}
	b := newBench(t, device)
	b.hears(b.good("mode", drivers.Int(1)))
	b.hears(b.bad("mode", drivers.ErrOffline))
	expect(t, b.hears(b.good("mode", drivers.Int(1))), // no change, but it is there again
		"device/boiler/mode heating",
		`device/boiler/state {"ts":1795209372123,"mode":"heating"}`)
	b.now = b.now.Add(time.Second)
	expect(t, b.hears(b.good("mode", drivers.Int(2))),
		`device/boiler/event {"ts":1795209373123,"point":"mode","value":"fault"}`,
		"device/boiler/mode fault",
		`device/boiler/state {"ts":1795209373123,"mode":"fault"}`)
}

func TestDeadbandHoldsBackUntilItIsLeft(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)))
	expect(t, b.hears(b.good("flow", drivers.Int(215))))
	expect(t, b.hears(b.good("flow", drivers.Int(216)))) // 0.2 is not more than 0.2
	expect(t, b.hears(b.good("flow", drivers.Int(217))),
		"device/boiler/flow 21.7",
		`device/boiler/state {"ts":1795209372123,"flow":21.7}`)
	expect(t, b.hears(b.good("flow", drivers.Int(215)))) // counted from what was sent
}

func TestPercentDeadbandFollowsTheValueSent(t *testing.T) {
	b := newBench(t, boiler(entry("power", drivers.KindInt, func(r *Rule) {
		r.Deadband = Deadband{Width: 10, Percent: true}
	})))
	var sent []string
	for _, watts := range []int64{0, 1, 1, 2, -2, 100, 110, 111, 122, 123} {
		for _, line := range b.hears(b.good("power", drivers.Int(watts))) {
			if value, ok := strings.CutPrefix(line, "device/boiler/power "); ok {
				sent = append(sent, value)
			}
		}
	}
	expect(t, sent, "0", "1", "2", "-2", "100", "111", "123")
}

func TestStateHoldsTheNewestValuesOfAllPoints(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.good("pump", drivers.Bool(false)))
	b.now = b.now.Add(time.Second)
	b.hears(b.good("flow", drivers.Int(215))) // within the deadband
	expect(t, b.hears(b.good("pump", drivers.Bool(true))),
		"cellar/pump true",
		`device/boiler/state {"ts":1795209373123,"flow":21.5,"pump":true}`)
}

func TestErrorsComeChangeAndGo(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(0)))
	expect(t, b.hears(b.bad("flow", drivers.ErrOffline)),
		`device/boiler/state {"ts":1795209372123,"mode":"off","errors":{"flow":"no answer"}}`)
	expect(t, b.hears(b.bad("flow", drivers.ErrOffline)))
	expect(t, b.hears(b.bad("flow", drivers.ErrNoValue), b.good("mode", drivers.Int(7))),
		`device/boiler/state {"ts":1795209372123,"errors":{"flow":"no value","mode":"\"7\" has no word in the enum"}}`)
	expect(t, b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(0))),
		"device/boiler/flow 21.4",
		"device/boiler/mode off",
		`device/boiler/state {"ts":1795209372123,"flow":21.4,"mode":"off"}`)
}

func TestStateIsStampedWithItsNewestValue(t *testing.T) {
	b := newBench(t, plant())
	old := b.now.Add(-3 * time.Second)
	flow := b.good("flow", drivers.Int(214))
	flow.Time = old
	refused := b.bad("setpoint", drivers.ErrRefused)
	messages := b.Messages([]drivers.Sample{flow, refused}, b.now)
	for _, m := range messages {
		want := []mqtt.UserProperty{{Name: "ts", Value: "1795209369123"}}
		if !slices.Equal(m.UserProperties, want) {
			t.Errorf("%s has properties %v, want %v", m.Topic, m.UserProperties, want)
		}
	}
	if got := string(messages[1].Payload); !strings.HasPrefix(got, `{"ts":1795209369123,`) {
		t.Errorf("state is %s", got)
	}
}

func TestHeartbeatRepeatsWhatASampleVouchesFor(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(1)))
	var beats []int
	for second := 1; second <= 180; second++ {
		b.now = b.now.Add(time.Second - time.Millisecond) // polls are never quite on time
		if got := b.hears(b.good("flow", drivers.Int(214))); len(got) > 0 {
			beats = append(beats, second)
			expect(t, got, "device/boiler/flow 21.4",
				fmt.Sprintf(`device/boiler/state {"ts":%d,"flow":21.4,"mode":"heating"}`, b.now.UnixMilli()))
		}
	}
	if want := []int{60, 120, 180}; !slices.Equal(beats, want) {
		t.Errorf("heartbeats after %v s, want %v", beats, want)
	}
}

func TestBadSamplesKeepTheStateBeating(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)))
	b.hears(b.bad("flow", drivers.ErrOffline))
	b.now = b.now.Add(time.Minute)
	expect(t, b.hears(b.bad("flow", drivers.ErrOffline)),
		`device/boiler/state {"ts":1795209432123,"errors":{"flow":"no answer"}}`)
}

func TestValueNobodyVouchesForLeavesTheState(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.good("mode", drivers.Int(1)))
	b.now = b.now.Add(3*time.Minute + time.Second)
	expect(t, b.hears(b.good("mode", drivers.Int(2))),
		"device/boiler/mode fault",
		`device/boiler/state {"ts":1795209553123,"mode":"fault","errors":{"flow":"stale"}}`)
}

func TestNeverExpiringValueStaysInTheState(t *testing.T) {
	b := newBench(t, boiler(
		entry("counter", drivers.KindInt, func(r *Rule) { r.Expire = Never }),
		entry("door", drivers.KindBool, nil),
	))
	b.hears(b.good("counter", drivers.Int(3)))
	b.now = b.now.Add(24 * time.Hour)
	expect(t, b.hears(b.good("door", drivers.Bool(true))),
		"device/boiler/door true",
		`device/boiler/state {"ts":1795295772123,"counter":3,"door":true}`)
}

func TestSlowlyReadValuesOutliveTheirInterval(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  time.Duration
		change func(*Reporting)
		want   time.Duration
	}{
		{"lasts three heartbeats", time.Second, func(*Reporting) {}, 3 * time.Minute},
		{"lasts three polls where they are rarer", 10 * time.Minute, func(*Reporting) {}, 30 * time.Minute},
		{"lasts as long as it was told", time.Second, func(r *Reporting) { r.Expire = Expiry(5 * time.Minute) }, 5 * time.Minute},
		{"lasts for ever when told never", time.Second, func(r *Reporting) { r.Expire = Never }, 0},
		{"lasts for ever without heartbeat", time.Second, func(r *Reporting) { r.Heartbeat = 0 }, 0},
		{"lasts the second that MQTT counts in", 0, func(r *Reporting) { r.Heartbeat = 1e8 }, time.Second},
	} {
		e := entry("flow", drivers.KindInt, func(r *Rule) { c.change(&r.Reporting) })
		e.Every = c.every
		b := newBench(t, boiler(e))
		for _, m := range b.Messages([]drivers.Sample{b.good("flow", drivers.Int(1))}, b.now) {
			if m.Expiry != c.want {
				t.Errorf("%s: %s expires after %v, want %v", c.name, m.Topic, m.Expiry, c.want)
			}
		}
	}
}

func TestKnownSampleVouchesForNothing(t *testing.T) {
	b := newBench(t, plant())
	flow, mode := b.good("flow", drivers.Int(214)), b.bad("mode", drivers.ErrNoValue)
	b.hears(flow, mode)
	b.now = b.now.Add(time.Minute)
	expect(t, b.hears(flow, mode))
}

func TestForgottenDeviceSaysAllAgain(t *testing.T) {
	b := newBench(t, plant())
	b.hears(b.good("flow", drivers.Int(214)), b.bad("mode", drivers.ErrRefused))
	b.Forget("boiler")
	b.Forget("nobody")
	expect(t, b.hears(b.bad("mode", drivers.ErrRefused), b.good("flow", drivers.Int(214))),
		"device/boiler/flow 21.4",
		`device/boiler/state {"ts":1795209372123,"flow":21.4,"errors":{"mode":"refused"}}`)
}

func TestForgottenDeviceRepeatsItsErrorsWithoutHeartbeat(t *testing.T) {
	b := newBench(t, boiler(entry("flow", drivers.KindInt, func(r *Rule) { r.Heartbeat = 0 })))
	b.hears(b.bad("flow", drivers.ErrRefused))
	b.Forget("boiler")
	b.now = b.now.Add(time.Second)
	expect(t, b.hears(b.bad("flow", drivers.ErrRefused)),
		`device/boiler/state {"ts":1795209373123,"errors":{"flow":"refused"}}`)
}

func TestOneStateADeviceABatch(t *testing.T) {
	other := boiler(entry("level", drivers.KindInt, nil))
	other.ID = "tank"
	b := newBench(t, boiler(entry("flow", drivers.KindInt, nil), entry("back", drivers.KindInt, nil)), other)
	expect(t, b.hears(b.good("flow", drivers.Int(1)), b.good("level", drivers.Int(2)), b.good("back", drivers.Int(3))),
		"device/boiler/flow 1",
		"device/tank/level 2",
		"device/boiler/back 3",
		`device/boiler/state {"ts":1795209372123,"flow":1,"back":3}`,
		`device/tank/state {"ts":1795209372123,"level":2}`)
}

func TestMessagesCarryTheirProperties(t *testing.T) {
	e := entry("flow", drivers.KindInt, func(r *Rule) { r.QoS, r.Retain = mqtt.ExactlyOnce, false })
	b := newBench(t, boiler(e))
	got := b.Messages([]drivers.Sample{b.good("flow", drivers.Int(5))}, b.now)
	ts := []mqtt.UserProperty{{Name: "ts", Value: "1795209372123"}}
	want := []mqtt.Message{
		{Topic: "device/boiler/flow", Payload: []byte("5"), QoS: mqtt.ExactlyOnce,
			Expiry: 3 * time.Minute, UTF8: true, ContentType: "text/plain", UserProperties: ts},
		{Topic: "device/boiler/state", Payload: []byte(`{"ts":1795209372123,"flow":5}`), QoS: mqtt.AtLeastOnce,
			Retain: true, Expiry: 3 * time.Minute, UTF8: true, ContentType: "application/json", UserProperties: ts},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestSentPayloadsAreNotTouchedAgain(t *testing.T) {
	b := newBench(t, plant())
	first := slices.Clone(b.Messages([]drivers.Sample{b.good("serial", drivers.Text("first"))}, b.now))
	b.hears(b.good("serial", drivers.Text("other")))
	expect(t, lines(first), "device/boiler/serial first",
		`device/boiler/state {"ts":1795209372123,"serial":"first"}`)
}

func TestEmptyTextIsAValue(t *testing.T) {
	b := newBench(t, plant())
	expect(t, b.hears(b.good("serial", drivers.Text(""))), "device/boiler/serial ",
		`device/boiler/state {"ts":1795209372123,"serial":""}`)
	expect(t, b.hears(b.good("serial", drivers.Text(""))))
}

func TestStrangeSamplesBecomeErrors(t *testing.T) {
	inf := drivers.Float(1e308)
	for _, c := range []struct {
		name, point, want string
		value             drivers.Value
	}{
		{"names an empty value", "flow", "no value", drivers.Value{}},
		{"names a text for a number", "flow", `\"hot\" is no number`, drivers.Text("hot")},
		{"names a text for an enum", "mode", `\"hot\" has no word in the enum`, drivers.Text("hot")},
		{"names a number for a bool", "pump", `\"3\" is no bool`, drivers.Int(3)},
		{"names a number too large", "huge", "value out of range", inf},
	} {
		b := newBench(t, boiler(append(plant().Points, entry("huge", drivers.KindFloat, func(r *Rule) { r.Scale = 10 }))...))
		t.Run(c.name, func(t *testing.T) {
			expect(t, b.hears(b.good(c.point, c.value)),
				`device/boiler/state {"ts":1795209372123,"errors":{"`+c.point+`":"`+c.want+`"}}`)
			expect(t, b.hears(b.good(c.point, c.value)))
		})
	}
}

func TestSamplesOfOtherBusesAreLeftAlone(t *testing.T) {
	b := newBench(t, plant())
	stranger := &drivers.Point{Device: "boiler", Name: "flow", At: &place{kind: drivers.KindInt}}
	expect(t, b.hears(drivers.Sample{Point: stranger, Time: b.now, Value: drivers.Int(1)}))
}

func TestStateIsValidJSONWhateverDevicesSay(t *testing.T) {
	b := newBench(t, plant())
	for _, s := range []string{"", `"`, `\`, "\x00\x1f\x7f", "\xff\xfe", "äöü €", "\u2028", strings.Repeat("x", 5000)} {
		for _, sample := range []drivers.Sample{
			b.good("serial", drivers.Text(s)),
			b.bad("serial", fmt.Errorf("%s", s)),
		} {
			for _, m := range b.Messages([]drivers.Sample{sample}, b.now) {
				if m.Topic != "device/boiler/state" {
					continue
				}
				var state struct {
					Serial string
					Errors map[string]string
				}
				if err := json.Unmarshal(m.Payload, &state); err != nil {
					t.Errorf("%q makes %s: %v", s, m.Payload, err)
				}
				if want := strings.ToValidUTF8(s, "\uFFFD"); sample.Err == nil && state.Serial != want {
					t.Errorf("got %q, want %q", state.Serial, want)
				}
				if len(state.Errors["serial"]) > 300 {
					t.Errorf("an error of %d bytes goes out", len(state.Errors["serial"]))
				}
			}
		}
	}
}

func BenchmarkMessages(b *testing.B) {
	var entries []Entry
	for i := range 20 {
		entries = append(entries, entry(fmt.Sprintf("point-%d", i), drivers.KindInt, func(r *Rule) { r.Scale = 0.1 }))
	}
	for _, c := range []struct {
		name string
		step int64
	}{{"unchanged", 0}, {"changing", 1}} {
		b.Run(c.name, func(b *testing.B) {
			table := newBench(b, boiler(entries...))
			samples := make([]drivers.Sample, len(entries))
			now := table.now
			b.ReportAllocs()
			var n int64
			for b.Loop() {
				n += c.step
				now = now.Add(time.Millisecond)
				for i := range samples {
					samples[i] = drivers.Sample{Point: entries[i].Point, Time: now, Value: drivers.Int(n)}
				}
				table.Messages(samples, now)
			}
		})
	}
}
