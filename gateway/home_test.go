package gateway

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

const (
	atHome     = "gateway: {id: box, every: 1s}\nhomeassistant: {enabled: true}"
	boilerHome = "homeassistant/device/box/boiler/config"
)

// discoveries are the topics that are discovered.
func (f *field) discoveries() []string {
	var topics []string
	for _, m := range f.g.Server().Retained("homeassistant/device/#") {
		topics = append(topics, strings.Split(m.Topic, "/")[3])
	}
	return topics
}

func TestHomeAssistantIsToldOfAllDevicesAndOfTheirEnd(t *testing.T) {
	f := startField(t)
	if got := f.discoveries(); len(got) > 0 {
		t.Errorf("told of %q though nobody asked", got)
	}
	f.reload("gateway: {id: box, every: 1s}", atHome)
	if got, want := f.discoveries(), []string{"boiler", "box", "door", "meter", "nobody", "tank", "weigher"}; !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
	if got := f.retained(boilerHome); !strings.Contains(got, `"platform":"number"`) {
		t.Errorf("told %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	told := f.g.Server().Subscribe(ctx, boilerHome)
	f.reload("gateway: {id: box, every: 1s}", atHome, "{setpoint: {", "{wanted: {", "  door:    {bus: pins, points: {open: {line: GPIO17}}}\n", "")
	var payloads []string
	for m := range told {
		if payloads = append(payloads, string(m.Payload)); len(payloads) == 3 {
			break
		}
	}
	// The first is what was retained, the second takes away what is gone.
	if len(payloads) != 3 || !strings.Contains(payloads[1], `"setpoint":{"platform":"number"}`) || strings.Contains(payloads[2], `"setpoint"`) {
		t.Errorf("told %s", strings.Join(payloads, "\n"))
	}
	if got := f.discoveries(); slices.Contains(got, "door") {
		t.Errorf("still tells of the door")
	}
	f.reload("gateway: {id: box, every: 1s}", strings.Replace(atHome, "enabled: true", "enabled: true, prefix: ha", 1))
	if got := f.discoveries(); len(got) > 0 || f.retained("ha/device/box/boiler/config") == "" {
		t.Errorf("the old prefix still tells of %q", got)
	}
	f.reload()
	if f.retained("ha/#") != "" {
		t.Error("it is told though it is not wanted any more")
	}
}

func TestHomeAssistantIsToldAgainWhenItStarts(t *testing.T) {
	f := startField(t)
	f.reload("gateway: {id: box, every: 1s}", atHome)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Some have it retained.
	starts := []mqtt.Message{{}, {Retain: true}, {Retain: true}}
	n := -1 // what was retained before comes first
	for range f.g.Server().Subscribe(ctx, boilerHome) {
		if n++; n == len(starts) {
			return
		}
		m := starts[n]
		m.Topic, m.Payload = "homeassistant/status", []byte("online")
		if err := f.g.Server().Publish(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("told after %d of %d starts", n, len(starts))
}

func TestFaultsOfHomeAssistant(t *testing.T) {
	for keys, want := range map[string]string{
		`prefix: "ha/#"`:    "homeassistant.prefix",
		`prefix: device`:    "homeassistant.prefix",
		`before: "a"`:       "homeassistant.before",
		`before: "+/"`:      "homeassistant.before",
		`status: "a/+"`:     "homeassistant.status",
		`url: box.local`:    "homeassistant.url",
		`prefix: ""`:        "homeassistant.prefix",
		`enabled: perhaps`:  "homeassistant.enabled",
		`discovery: please`: "homeassistant.discovery: unknown key",
	} {
		if _, err := Read("site.yaml", []byte("homeassistant: {"+keys+"}"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", keys, err)
		}
	}
	const site = "buses: {b: {driver: modbus-tcp, address: '127.0.0.1:1'}}\ndevices: {d: {bus: b, points: {x: {holding: 1, homeassistant: {POINT}}}}}"
	for keys, want := range map[string]string{
		"component: switch":        "homeassistant.component: switch takes commands",
		"component: binary_sensor": "homeassistant.component: binary_sensor does not fit a point whose values are of type integer",
		"component: lamp":          "homeassistant.component",
		"icon: pump":               "homeassistant.icon",
		"device_class: Door":       "homeassistant.device_class",
	} {
		if _, err := Read("site.yaml", []byte(strings.Replace(site, "POINT", keys, 1)), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", keys, err)
		}
	}
}
