package homeassistant

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// check finds what Home Assistant would refuse in a payload, by the rules of its
// discovery as they are documented and coded there.
func check(topic string, payload []byte) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !regexp.MustCompile(`^[^/]+/device/([a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config$`).MatchString(topic) {
		bad("topic %s", topic)
	}
	var root map[string]any
	if err := json.Unmarshal(payload, &root); err != nil {
		return []string{err.Error()}
	}
	// One unknown key at the root, and all is dropped.
	for key := range root {
		if !slices.Contains([]string{"device", "origin", "components", "availability", "availability_mode", "availability_topic", "availability_template",
			"payload_available", "payload_not_available", "state_topic", "command_topic", "qos", "encoding"}, key) {
			bad("unknown key %s at the root", key)
		}
	}
	device, _ := root["device"].(map[string]any)
	if ids, _ := device["identifiers"].([]any); len(ids) == 0 {
		bad("the device has no identifiers")
	}
	for key := range device {
		if !slices.Contains([]string{"identifiers", "connections", "configuration_url", "manufacturer", "model", "model_id", "name", "hw_version",
			"sw_version", "serial_number", "suggested_area", "via_device"}, key) {
			bad("unknown key %s of the device", key)
		}
	}
	if origin, _ := root["origin"].(map[string]any); origin["name"] == nil {
		bad("the origin has no name")
	}
	if mode := root["availability_mode"]; mode != nil && mode != "all" && mode != "any" && mode != "latest" {
		bad("availability_mode %v", mode)
	}
	if list, is := root["availability"].([]any); is {
		for _, a := range list {
			if one, _ := a.(map[string]any); one["topic"] == nil {
				bad("an availability without a topic")
			}
		}
		if root["availability_topic"] != nil {
			bad("availability and availability_topic exclude each other")
		}
	}
	components, _ := root["components"].(map[string]any)
	if len(components) == 0 {
		bad("no components")
	}
	unique := map[any]bool{}
	for key, v := range components {
		c, _ := v.(map[string]any)
		for _, f := range checkComponent(c) {
			bad("%s: %s", key, f)
		}
		if id := c["unique_id"]; id != nil && unique[id] {
			bad("%s: unique_id %v is there twice", key, id)
		}
		unique[c["unique_id"]] = true
	}
	return faults
}

// keys are those of each platform beside the common ones.
var keys = map[string]string{
	"sensor":        "device_class state_class unit_of_measurement suggested_display_precision options expire_after value_template",
	"binary_sensor": "device_class expire_after value_template payload_on payload_off",
	"switch":        "device_class command_topic value_template payload_on payload_off",
	"number":        "device_class unit_of_measurement command_topic value_template min max step mode",
	"select":        "command_topic options value_template",
	"button":        "device_class command_topic payload_press",
}

const common = "platform unique_id name default_entity_id icon entity_category qos"

// units are those that a device class goes with, and totals the classes that
// only totals have.
var (
	units = map[string]string{
		"temperature": "°C °F K", "voltage": "µV mV V kV MV", "current": "mA A", "power": "mW W kW MW GW TW", "apparent_power": "mVA VA kVA",
		"reactive_power": "mvar var kvar", "energy": "J kJ MJ GJ mWh Wh kWh MWh GWh TWh cal kcal Mcal Gcal", "reactive_energy": "varh kvarh",
		"frequency": "Hz kHz MHz GHz", "pressure": "Pa hPa kPa bar cbar mbar mmHg inHg psi", "volume": "L mL gal fl. oz. m³ ft³ CCF MCF",
		"volume_flow_rate": "m³/h m³/min m³/s ft³/min L/h L/min L/s gal/min mL/s", "weight": "kg g mg µg oz lb st", "distance": "km m cm mm mi nmi yd in",
		"speed": "ft/s in/d in/h in/s km/h kn m/s mph mm/d mm/s", "irradiance": "W/m² BTU/(h⋅ft²)", "illuminance": "lx", "duration": "d h min s ms µs",
		"data_size": "B kB MB GB", "humidity": "%", "battery": "%", "power_factor": "%", "carbon_dioxide": "ppm", "conductivity": "S/cm mS/cm µS/cm",
	}
	totals   = "energy reactive_energy volume"
	unitless = "power_factor ph enum"
)

func checkComponent(c map[string]any) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	platform, _ := c["platform"].(string)
	allowed, known := keys[platform]
	switch {
	case !known:
		return []string{"platform " + platform}
	case len(c) == 1:
		return nil // it is taken away
	case c["unique_id"] == nil:
		bad("no unique_id")
	}
	for key := range c {
		if !slices.Contains(strings.Fields(common+" "+allowed), key) {
			bad("%s does not go with %s", key, platform)
		}
	}
	if id, _ := c["default_entity_id"].(string); !regexp.MustCompile(`^` + platform + `\.[a-z0-9_]+$`).MatchString(id) {
		bad("default_entity_id %s", id)
	}
	if (platform != "sensor" && platform != "binary_sensor") != (c["command_topic"] != nil) {
		bad("command_topic %v", c["command_topic"])
	}
	class, _ := c["device_class"].(string)
	unit, hasUnit := c["unit_of_measurement"].(string)
	switch {
	case class == "" || platform == "binary_sensor" || platform == "switch" || platform == "button":
	case units[class] == "" && !slices.Contains(strings.Fields(unitless), class):
		bad("device_class %s is not known", class)
	case hasUnit && !slices.Contains(strings.Split(units[class], " "), unit):
		bad("device_class %s does not go with the unit %s", class, unit)
	case !hasUnit && !slices.Contains(strings.Fields(unitless), class):
		bad("device_class %s needs a unit", class)
	}
	state, _ := c["state_class"].(string)
	if slices.Contains(strings.Fields(totals), class) && platform == "sensor" && state == "measurement" {
		bad("device_class %s is no measurement", class)
	}
	if options, has := c["options"].([]any); has || platform == "select" {
		if len(options) == 0 || platform == "sensor" && class != "enum" || hasUnit || state != "" {
			bad("options %v with device_class %q, unit %q, state_class %q", options, class, unit, state)
		}
	}
	if platform == "number" {
		low, _ := c["min"].(float64)
		high, _ := c["max"].(float64)
		step, _ := c["step"].(float64)
		if low >= high || step < 0.001 {
			bad("min %v, max %v, step %v", low, high, step)
		}
	}
	return faults
}
