package mapping

import (
	"reflect"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

func TestEmergencyValuesAreCommands(t *testing.T) {
	b := newBench(t, boiler(
		entry("setpoint", drivers.KindInt, func(r *Rule) {
			r.Scale, r.OnStop = 0.1, ptr("45.5")
			r.OnUplinkLost = Fallback{true, Away{"50", configs.Duration(5 * time.Minute), "cloud"}}
		}),
		entry("pump", drivers.KindBool, func(r *Rule) {
			r.OnStop, r.OnUplinkLost = ptr("off"), Fallback{true, Away{"Yes", configs.Duration(time.Minute), ""}}
		}),
		entry("lamp", drivers.KindBool, func(r *Rule) { r.OnStop = ptr("keep") }),
		entry("flow", drivers.KindInt, nil),
	))
	last := []drivers.Command{
		{Point: b.points["setpoint"], Value: drivers.Int(455)},
		{Point: b.points["pump"], Value: drivers.Bool(false)},
	}
	if got := b.Last("boiler"); !reflect.DeepEqual(got, last) {
		t.Errorf("got %v, want %v", got, last)
	}
	if got := b.Last("tank"); got != nil {
		t.Errorf("a device of another bus is left with %v", got)
	}
	want := []Loss{{"cloud", 5 * time.Minute, drivers.Command{Point: b.points["setpoint"], Value: drivers.Int(500)}},
		{"", time.Minute, drivers.Command{Point: b.points["pump"], Value: drivers.Bool(true)}}}
	if got := b.Losses(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEmergencyValuesAreReadFromYAML(t *testing.T) {
	minute := configs.Duration(time.Minute)
	for text, want := range map[string]Fallback{
		"on_uplink_lost: off":                            {true, Away{"off", minute, ""}},
		"on_uplink_lost: 21.5":                           {true, Away{"21.5", minute, ""}},
		"on_uplink_lost: {value: 3, after: 5s}":          {true, Away{"3", configs.Duration(5 * time.Second), ""}},
		"on_uplink_lost: {value: true, upstream: cloud}": {true, Away{"true", minute, "cloud"}},
		"unit: V": {},
	} {
		if got, faults := read(text); got.OnUplinkLost != want || faults != nil {
			t.Errorf("%s: got %+v, %v", text, got.OnUplinkLost, faults)
		}
	}
	for text, want := range map[string]string{
		"on_uplink_lost: {after: 5s}":            "site.yaml:1:17: on_uplink_lost.value: is missing",
		"on_uplink_lost: {value: 1, after: 5ms}": "site.yaml:1:35: on_uplink_lost.after: 5ms is less than 1s",
		"on_stop: [1]":                           "site.yaml:1:10: on_stop: must be a single value, not a list",
	} {
		if _, faults := read(text); len(faults) != 1 || faults[0] != want {
			t.Errorf("%s: got %q", text, faults)
		}
	}
}
