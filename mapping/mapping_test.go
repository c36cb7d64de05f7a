package mapping

import (
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
)

// place is an Address that tests make up.
type place struct {
	kind     drivers.Kind
	readOnly bool
}

func (p *place) String() string     { return "unit 2 holding 101" }
func (p *place) Kind() drivers.Kind { return p.kind }
func (p *place) Writable() bool     { return !p.readOnly }

// entry is a point of the boiler that anybody may write.
func entry(name string, kind drivers.Kind, change func(*Rule)) Entry {
	rule := NewRule(DefaultReporting())
	rule.Write.Allowed = true
	if change != nil {
		change(&rule)
	}
	return Entry{
		Point: &drivers.Point{Device: "boiler", Name: name, At: &place{kind: kind}},
		Rule:  rule,
		Every: time.Second,
	}
}

func boiler(entries ...Entry) Device {
	return Device{
		ID:        "boiler",
		Name:      "Boiler <cellar>",
		Model:     "Heat 3000",
		Driver:    "modbus-rtu",
		Bus:       "panel",
		Via:       "plant-7",
		Reporting: DefaultReporting(),
		Points:    entries,
	}
}

// plant is a boiler with a point of each sort.
func plant() Device {
	return boiler(
		entry("flow", drivers.KindInt, func(r *Rule) {
			r.Scale, r.Unit, r.Write = 0.1, "Cel", Write{}
			r.Deadband = Deadband{Width: 0.2}
		}),
		entry("setpoint", drivers.KindInt, func(r *Rule) {
			r.Scale, r.Unit = 0.1, "Cel"
			r.Write.Limits = Limits{Min: ptr(30.0), Max: ptr(85.0), Step: ptr(0.5)}
		}),
		entry("mode", drivers.KindInt, func(r *Rule) {
			r.Enum = Enum{2: "fault", 0: "off", 1: "heating"}
		}),
		entry("pump", drivers.KindBool, func(r *Rule) { r.Topic = "cellar/pump" }),
		entry("serial", drivers.KindText, func(r *Rule) { r.Write = Write{} }),
		entry("energy", drivers.KindFloat, func(r *Rule) { r.Unit, r.Round = "kW.h", ptr(2) }),
	)
}

func ptr[T any](v T) *T { return &v }

func compile(t testing.TB, devices ...Device) *Table {
	t.Helper()
	table, err := Compile(devices)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// bench is a table with a clock and the points by name.
type bench struct {
	*Table
	points map[string]*drivers.Point
	now    time.Time
}

func newBench(t testing.TB, devices ...Device) *bench {
	b := &bench{
		Table:  compile(t, devices...),
		points: make(map[string]*drivers.Point),
		now:    time.UnixMilli(1795209372123),
	}
	for _, d := range devices {
		for _, e := range d.Points {
			b.points[e.Point.Name] = e.Point
		}
	}
	return b
}

func (b *bench) good(name string, v drivers.Value) drivers.Sample {
	return drivers.Sample{Point: b.points[name], Time: b.now, Value: v}
}

func (b *bench) bad(name string, err error) drivers.Sample {
	return drivers.Sample{Point: b.points[name], Time: b.now, Err: err}
}

// hears is what the table says of samples, as "topic payload".
func (b *bench) hears(samples ...drivers.Sample) []string {
	return lines(b.Messages(samples, b.now))
}

func lines(messages []mqtt.Message) []string {
	var got []string
	for _, m := range messages {
		got = append(got, m.Topic+" "+string(m.Payload))
	}
	return got
}

func seconds(n int) configs.Duration { return configs.Duration(time.Duration(n) * time.Second) }
