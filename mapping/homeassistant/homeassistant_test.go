package homeassistant

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/mapping"
)

var gateway = &Gateway{ID: "box", Prefix: "homeassistant", Status: "device/box/status", Version: "1.0"}

// place is an address on no bus.
type place struct{ kind drivers.Kind }

func (place) String() string       { return "somewhere" }
func (p place) Kind() drivers.Kind { return p.kind }
func (place) Writable() bool       { return true }

// describe is the description of a device with points that a test says.
func describe(t *testing.T, points map[string]func(*mapping.Rule) drivers.Kind) mapping.Description {
	t.Helper()
	d := mapping.Device{ID: "boiler-1", Model: "Acme B1", Via: "box", Reporting: mapping.DefaultReporting()}
	for _, name := range slices.Sorted(maps.Keys(points)) {
		rule := mapping.NewRule(mapping.DefaultReporting())
		rule.Heartbeat = configs.Duration(time.Minute)
		kind := points[name](&rule)
		d.Points = append(d.Points, mapping.Entry{Point: &drivers.Point{Device: d.ID, Name: name, At: place{kind}}, Rule: rule, Every: time.Second})
	}
	table, err := mapping.Compile([]mapping.Device{d})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := table.Describe(d.ID)
	return out
}

func limits(low, high float64) mapping.Write {
	return mapping.Write{Allowed: true, Limits: mapping.Limits{Min: &low, Max: &high}}
}

var words2 = mapping.Enum{0: "off", 1: "heating"}

// every is a point of each kind.
var every = map[string]func(*mapping.Rule) drivers.Kind{
	"flow":     func(r *mapping.Rule) drivers.Kind { r.Unit, r.Scale = "Cel", 0.1; return drivers.KindInt },
	"energy":   func(r *mapping.Rule) drivers.Kind { r.Unit = "kW.h"; return drivers.KindFloat },
	"humidity": func(r *mapping.Rule) drivers.Kind { r.Unit = "%"; return drivers.KindInt },
	"mode":     func(r *mapping.Rule) drivers.Kind { r.Enum = words2; return drivers.KindInt },
	"serial":   func(*mapping.Rule) drivers.Kind { return drivers.KindText },
	"alarm":    func(r *mapping.Rule) drivers.Kind { r.Home.DeviceClass = "problem"; return drivers.KindBool },
	"pump":     func(r *mapping.Rule) drivers.Kind { r.Write.Allowed = true; return drivers.KindBool },
	"setpoint": func(r *mapping.Rule) drivers.Kind {
		r.Unit, r.Scale, r.Write = "Cel", 0.1, limits(30, 85)
		return drivers.KindInt
	},
	"anything": func(r *mapping.Rule) drivers.Kind { r.Write.Allowed = true; return drivers.KindFloat },
	"program":  func(r *mapping.Rule) drivers.Kind { r.Enum, r.Write.Allowed = words2, true; return drivers.KindInt },
	"reset":    func(r *mapping.Rule) drivers.Kind { r.Write.Allowed, r.Read = true, false; return drivers.KindBool },
	"hidden":   func(r *mapping.Rule) drivers.Kind { r.Home.Component = "none"; return drivers.KindInt },
	"my-total": func(r *mapping.Rule) drivers.Kind { r.Unit, r.Topic = "m3", "plant/total"; return drivers.KindInt },
}

func TestEachPointIsTheComponentThatFits(t *testing.T) {
	d := describe(t, every)
	payload := gateway.Discovery(d, nil)
	if faults := check(gateway.Topic(d.ID), payload); len(faults) > 0 {
		t.Errorf("%s\nin %s", strings.Join(faults, "\n"), payload)
	}
	want := map[string]string{
		"flow": "sensor", "energy": "sensor", "humidity": "sensor", "mode": "sensor", "serial": "sensor", "alarm": "binary_sensor",
		"pump": "switch", "setpoint": "number", "anything": "number", "program": "select", "reset": "button", "my-total": "sensor", "get": "button",
	}
	if got := Components(payload); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, text := range []string{
		`"availability":[{"topic":"device/box/status"},{"topic":"device/boiler-1/status"}],"availability_mode":"all"`,
		`"via_device":"fieldmq_box_box"`,
		`"flow":{"platform":"sensor","unique_id":"fieldmq_box_boiler-1_flow","name":"Flow","default_entity_id":"sensor.boiler_1_flow","device_class":"temperature","state_class":"measurement","unit_of_measurement":"°C","suggested_display_precision":1,"expire_after":180,"value_template":"{{ value_json['flow'] if 'flow' in value_json else 'None' }}","qos":1}`,
		`"command_topic":"device/boiler-1/setpoint/set","min":30,"max":85,"step":0.1,"mode":"box"`,
		`"device_class":"energy","state_class":"total_increasing"`,
		`"device_class":"humidity"`,
		`"payload_press":"true"`,
		`"options":["off","heating"]`,
	} {
		if !strings.Contains(string(payload), text) {
			t.Errorf("%s is missing in %s", text, payload)
		}
	}
}

func TestWhatIsGoneIsTakenAway(t *testing.T) {
	before := gateway.Discovery(describe(t, every), nil)
	fewer := maps.Clone(every)
	delete(fewer, "flow")
	fewer["pump"] = func(*mapping.Rule) drivers.Kind { return drivers.KindBool } // a switch no more
	d := describe(t, fewer)
	now := gateway.Discovery(d, nil)
	gone := Gone(before, now)
	if want := map[string]string{"flow": "sensor", "pump": "switch"}; !maps.Equal(gone, want) {
		t.Fatalf("gone: %v", gone)
	}
	between := gateway.Discovery(d, gone)
	for _, text := range []string{`"flow":{"platform":"sensor"}`, `"pump":{"platform":"switch"}`} {
		if !strings.Contains(string(between), text) {
			t.Errorf("no %s in %s", text, between)
		}
	}
	if faults := check(gateway.Topic(d.ID), between); len(faults) > 0 {
		t.Error(faults)
	}
	if got := Gone([]byte("no JSON"), now); len(got) != 0 {
		t.Errorf("gone: %v", got)
	}
}

func TestTopicsAreThoseOfTheBrokerThatHomeAssistantIsAt(t *testing.T) {
	behind := *gateway
	behind.Before = "site-a/"
	d := describe(t, every)
	payload := behind.Discovery(d, nil)
	if faults := check(behind.Topic(d.ID), payload); len(faults) > 0 {
		t.Error(faults)
	}
	if want, got := strings.Count(string(payload), "device/b"), strings.Count(string(payload), "site-a/device/b"); got != want || got < 5 {
		t.Errorf("%d of %d topics are those there: %s", got, want, payload)
	}
	if got := behind.Topic("x"); got != "homeassistant/device/box/x/config" {
		t.Errorf("discovered at %s", got)
	}
}

// TestUnitsGoWithTheirClasses tries each unit as a sensor and as a number.
func TestUnitsGoWithTheirClasses(t *testing.T) {
	for unit := range quantities {
		for name, write := range map[string]bool{"x": false, "y": true} {
			d := describe(t, map[string]func(*mapping.Rule) drivers.Kind{name: func(r *mapping.Rule) drivers.Kind {
				r.Unit, r.Write.Allowed = unit, write
				return drivers.KindFloat
			}})
			if faults := check(gateway.Topic(d.ID), gateway.Discovery(d, nil)); len(faults) > 0 {
				t.Errorf("%q: %v", unit, faults)
			}
		}
	}
}

func TestGatewayItself(t *testing.T) {
	d := describe(t, map[string]func(*mapping.Rule) drivers.Kind{"uptime": func(r *mapping.Rule) drivers.Kind { r.Unit = "s"; return drivers.KindInt }})
	d.ID, d.Status = "box", "device/box/status"
	var c config
	if err := json.Unmarshal(gateway.Discovery(d, nil), &c); err != nil || len(c.Availability) != 1 || c.Device.ViaDevice != "" || c.Components["uptime"].Category != "diagnostic" {
		t.Errorf("%v: %+v", err, c)
	}
}
