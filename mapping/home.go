package mapping

import (
	"errors"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
)

// Home is what the configuration says of a point for Home Assistant, where what
// follows from the point itself does not fit.
type Home struct {
	// Component is what the point is: sensor, binary_sensor, switch, number,
	// select, button (which sends true, or the highest word or number that may be
	// written), or none, which leaves it out. Default: what its type and write say.
	Component string `yaml:"component" check:"oneof=sensor|binary_sensor|switch|number|select|button|none"`
	// Name is what the entity is called. Default: the point's name in words.
	Name string `yaml:"name"`
	// DeviceClass is the kind of quantity in Home Assistant's words, such as door,
	// moisture or battery. Default: what the unit says.
	DeviceClass string `yaml:"device_class"`
	// StateClass is measurement, total, total_increasing or none. Default: what the
	// unit says.
	StateClass string `yaml:"state_class" check:"oneof=measurement|total|total_increasing|none"`
	// Icon is one of Material Design's, such as mdi:pump.
	Icon string `yaml:"icon"`
	// Category is config or diagnostic, for what is not on the first page.
	Category string `yaml:"category" check:"oneof=config|diagnostic"`
}

// Validate checks what Home Assistant would refuse.
func (h *Home) Validate() error {
	var faults []error
	if h.Icon != "" && (!strings.HasPrefix(h.Icon, "mdi:") || len(h.Icon) > 100) {
		faults = append(faults, configs.Bad("icon", "%s is no icon such as mdi:pump", quote(h.Icon)))
	}
	if strings.Trim(h.DeviceClass, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		faults = append(faults, configs.Bad("device_class", "%s is none of Home Assistant's", quote(h.DeviceClass)))
	}
	if !mqtt.ValidString(h.Name) || len(h.Name) > 200 {
		faults = append(faults, configs.Bad("name", "%s is no name", quote(h.Name)))
	}
	return errors.Join(faults...)
}

// checkHome finds components that the point cannot be.
func (c *compiler) checkHome(p *point) {
	d := p.describe()
	h := d.Home.Component
	numeric := d.Kind != drivers.KindBool && d.Kind != drivers.KindText
	fits := true
	switch h {
	case "number":
		fits = numeric
	case "select":
		fits = len(d.Enum) > 0
	case "switch", "binary_sensor":
		fits = d.Kind == drivers.KindBool
	}
	commands := h == "switch" || h == "number" || h == "select" || h == "button"
	switch {
	case commands && !d.Write:
		c.bad(p.device, p.Point, "homeassistant.component", "%s takes commands, and the point takes none: set write", h)
	case !fits:
		c.bad(p.device, p.Point, "homeassistant.component", "%s does not fit a point whose values are of type %v", h, d.Kind)
	}
}
