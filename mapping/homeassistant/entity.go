package homeassistant

import (
	"fmt"
	"math"

	"fieldmq/drivers"
	"fieldmq/mapping"
)

// Bounds of a number that has none: Home Assistant would take 1 and 100.
const mostNumber = 1e9

// leastStep is the smallest that Home Assistant takes.
const leastStep = 0.001

// entity is the component of a point; ok is false if it is none.
func (g *Gateway) entity(d *mapping.Description, p *mapping.PointDescription) (c component, ok bool) {
	platform := p.Home.Component
	if platform == "" {
		platform = platformOf(p)
	}
	if platform == "none" || platform != "button" && !p.Read {
		return component{}, false
	}
	c = component{
		Platform: platform, UniqueID: g.identifier(d.ID) + "_" + p.Name, Name: p.Home.Name,
		DefaultEntityID: platform + "." + entityID(d.ID+"_"+p.Name),
		Icon:            p.Home.Icon, Category: p.Home.Category,
		DeviceClass: p.Home.DeviceClass, QoS: 1,
	}
	if c.Name == "" {
		c.Name = words(p.Name)
	}
	if platform == "button" {
		c.CommandTopic, c.PayloadPress = g.Before+p.Set, press(p)
		return c, true
	}
	c.ValueTemplate = template(p)
	switch platform {
	case "sensor":
		c.ExpireAfter = int(math.Ceil(d.Expiry.Seconds()))
		sensor(&c, p)
	case "binary_sensor":
		c.ExpireAfter = int(math.Ceil(d.Expiry.Seconds()))
		c.PayloadOn, c.PayloadOff = "true", "false"
	case "switch":
		c.CommandTopic, c.PayloadOn, c.PayloadOff = g.Before+p.Set, "true", "false"
	case "select":
		c.CommandTopic, c.Options = g.Before+p.Set, p.Enum
	case "number":
		c.CommandTopic = g.Before + p.Set
		number(&c, p)
	}
	return c, true
}

// platformOf is what a point is that says nothing for itself.
func platformOf(p *mapping.PointDescription) string {
	switch {
	case p.Write && !p.Read && p.Kind == drivers.KindBool:
		return "button"
	case !p.Read:
		return "none"
	case p.Write && p.Kind == drivers.KindBool:
		return "switch"
	case p.Write && len(p.Enum) > 0:
		return "select"
	case p.Write && p.Kind != drivers.KindText:
		return "number"
	case p.Kind == drivers.KindBool:
		return "binary_sensor"
	}
	return "sensor"
}

// press is what a button sends.
func press(p *mapping.PointDescription) string {
	switch {
	case p.Kind == drivers.KindBool:
		return "true"
	case len(p.Enum) > 0:
		return p.Enum[len(p.Enum)-1]
	case p.Max != nil:
		return drivers.Float(*p.Max).String()
	}
	return "1"
}

// template finds the value in the state. A value that is not there, because it
// could not be read, is unknown: Home Assistant's word for that is None.
func template(p *mapping.PointDescription) string {
	value := fmt.Sprintf("value_json['%s']", p.Name)
	there := fmt.Sprintf("'%s' in value_json", p.Name)
	if p.Kind == drivers.KindBool {
		return fmt.Sprintf("{{ ('true' if %s else 'false') if %s else 'None' }}", value, there)
	}
	return fmt.Sprintf("{{ %s if %s else 'None' }}", value, there)
}

// sensor adds what the unit says of a quantity.
func sensor(c *component, p *mapping.PointDescription) {
	switch {
	case len(p.Enum) > 0:
		c.DeviceClass, c.Options = "enum", p.Enum
		return
	case p.Kind == drivers.KindText:
		return
	}
	q := quantityOf(p)
	c.Unit, c.StateClass = q.unit, q.state
	if c.DeviceClass == "" {
		c.DeviceClass = q.class
	}
	switch p.Home.StateClass {
	case "":
	case "none":
		c.StateClass = ""
	default:
		c.StateClass = p.Home.StateClass
	}
	if p.Decimals >= 0 {
		c.Precision = &p.Decimals
	}
}

// number adds the bounds of what may be written.
func number(c *component, p *mapping.PointDescription) {
	q := quantityOf(p)
	low, high, step := -mostNumber, mostNumber, leastStep
	if p.Decimals >= 0 {
		step = math.Pow10(-p.Decimals)
	}
	if p.Min != nil {
		low = *p.Min
	}
	if p.Max != nil {
		high = *p.Max
	}
	if p.Step != nil {
		step = *p.Step
	}
	step = max(step, leastStep)
	c.Min, c.Max, c.Step, c.Mode, c.Unit = &low, &high, &step, "box", q.unit
	if c.DeviceClass == "" && !q.counts {
		c.DeviceClass = q.class
	}
}
