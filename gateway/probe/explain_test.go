package probe_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	sim "fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

// registers are holding registers from 0.
type registers []uint16

func (r registers) Read(t sim.Table, address uint16, values []uint16) error {
	if t != sim.HoldingRegisters {
		return sim.IllegalFunction
	}
	return sim.Copy(values, r, 0, address)
}

func (r registers) Write(t sim.Table, address uint16, values []uint16) error {
	if t != sim.HoldingRegisters || int(address)+len(values) > len(r) {
		return sim.IllegalDataAddress
	}
	copy(r[address:], values)
	return nil
}

// onSite is a probe of the device "d" with some points, whose registers are
// simulated, and its site.
func onSite(t *testing.T, points string, memory registers) (*probe.Probe, *gateway.Config) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.NewServer(sim.Unit{ID: 1, Device: memory})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { server.ServeTCP(ctx, l) })
	t.Cleanup(func() { cancel(); served.Wait() })
	text := fmt.Sprintf("buses:\n  b: {driver: modbus-tcp, address: %q}\ndevices:\n  d:\n    bus: b\n    points: %s\n", l.Addr(), points)
	config, err := gateway.Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	bus, device, err := probe.Find(config, "d")
	if err != nil {
		t.Fatal(err)
	}
	open, err := bus.Settings.Open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p, err := probe.New(device, open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, config
}

func explained(t *testing.T, points string, device registers) *probe.Explanation {
	t.Helper()
	p, config := onSite(t, points, device)
	entries, err := p.Points("x")
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Explain(t.Context(), config.Buses[0].Settings, entries[0])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestRightMeaningComesFirst(t *testing.T) {
	for _, c := range []struct {
		name, points string
		device       registers
		want         string // type, order, scale, shift, value
	}{
		{"is as configured", "{x: {holding: 1, type: float32, unit: V}}", registers{0, 0x4366, 0, 0}, "float32 ABCD 1 0 230"},
		{"has its words swapped", "{x: {holding: 1, type: float32, unit: V}}", registers{0, 0, 0x4366, 1}, "float32 CDAB 1 0 230"},
		{"is an integer of tenths", "{x: {holding: 1, type: float32, unit: Hz}}", registers{0, 0, 501, 0xFFFF}, "uint32 ABCD 0.1 0 50.1"},
		{"stands one before", "{x: {holding: 1, type: float32, unit: Hz}}", registers{0x4248, 0, 0xFFFF, 0xFFFF}, "float32 ABCD 1 -1 50"},
		{"is negative", "{x: {holding: 1, scale: 0.1, unit: Cel}}", registers{0, 0xFF9C, 0}, "int16 ABCD 0.1 0 -10"},
		{"takes two registers and no type is told", "{x: {holding: 1, unit: V}}", registers{0, 0x4366, 0, 0}, "float32 ABCD 1 0 230"},
		{"takes one register, not two", "{x: {holding: 1, type: float32, scale: 0.1, unit: V}}", registers{0, 2301, 0x7FFF, 0x7FFF}, "uint16 ABCD 0.1 0 230.1"},
		{"is of a type that is seldom met", "{x: {holding: 0, type: float16, unit: V}}", registers{0x5B80}, "float16 ABCD 1 0 240"},
		{"lies within what may be written", "{x: {holding: 1, write: {min: 30, max: 85}}}", registers{0, 0x3C00, 0}, "uint16 BADC 1 0 60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := explained(t, c.points, c.device).Views[0]
			if got := fmt.Sprintf("%s %s %v %d %s", v.Type, v.Order, v.Scale, v.Shift, v.Value); got != c.want {
				t.Errorf("%s (%s), want %s", got, v.Reason, c.want)
			}
		})
	}
}

func TestExplanationCountsTheExchange(t *testing.T) {
	x := explained(t, "{x: {holding: 0, type: uint32}}", registers{1, 2, 3})
	if x.Function != 3 || x.Sent != 12 || x.Received != 13 || x.Took <= 0 || x.Wire <= 0 || x.Reading.Words() != "0001 0002" {
		t.Errorf("%+v", x)
	}
	chosen := 0
	for _, v := range x.Views {
		if v.Chosen {
			chosen++
		}
	}
	if chosen != 1 {
		t.Errorf("%d views are what the configuration says", chosen)
	}
}

func TestExplanationHasAllDigits(t *testing.T) {
	const want = "9007199254740993" // which no float is
	x := explained(t, "{x: {holding: 0, type: uint64}}", registers{0x0020, 0, 0, 1})
	if i := slices.IndexFunc(x.Views, func(v probe.View) bool { return v.Chosen }); i < 0 || x.Views[i].Value != want {
		t.Errorf("%+v, want %s", x.Views, want)
	}
}

func TestTextIsNotGuessedAt(t *testing.T) {
	x := explained(t, "{x: {holding: 0, type: string, length: 2}}", registers{0x4142, 0x4300})
	if x.Reading.Text() != "ABC" || x.Views != nil {
		t.Errorf("%s, %v", x.Reading.Text(), x.Views)
	}
}

func TestReadingsAreWhatWouldBePublished(t *testing.T) {
	p, _ := onSite(t, "{a: {holding: 0, scale: 0.1}, b: {holding: 1, enum: {0: off, 1: on}}, c: {holding: 2, enum: {0: off}}, d: {holding: 9}, e: {holding: 3, invalid: [0x8000]}}",
		registers{215, 1, 7, 0x8000})
	entries, err := p.Points()
	if err != nil {
		t.Fatal(err)
	}
	readings, err := p.Read(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range readings {
		got = append(got, r.Text())
	}
	if want := "21.5, on, \"7\" has no word in the enum, illegal data address, no value"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

func TestOrdersKeepToTheRules(t *testing.T) {
	device := registers{0, 0, 0}
	p, config := onSite(t, "{a: {holding: 1, scale: 0.1, write: {min: 0, max: 100}}, b: {holding: 2, enum: {0: off, 5: on}, write: true}, c: {holding: 0}}", device)
	_, d, err := probe.Find(config, "d")
	if err != nil {
		t.Fatal(err)
	}
	commands, err := probe.Commands(d, []probe.Order{{Point: "b", Value: "on"}, {Point: "a", Value: "12.5"}})
	if err != nil || len(commands) != 2 || commands[0].Point.Name != "b" {
		t.Fatalf("%v, %v", commands, err)
	}
	if err := p.Write(t.Context(), commands); err != nil || device[1] != 125 || device[2] != 5 {
		t.Errorf("%v, %v", device, err)
	}
	for _, wrong := range []probe.Order{{Point: "a", Value: "101"}, {Point: "b", Value: "up"}, {Point: "c", Value: "1"}, {Point: "z", Value: "1"}} {
		if _, err := probe.Commands(d, []probe.Order{wrong}); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
