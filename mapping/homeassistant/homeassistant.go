// Package homeassistant tells Home Assistant what devices there are, in the form
// that its MQTT integration discovers: one retained message a device, since
// version 2024.11. It makes payloads and publishes nothing.
package homeassistant

import (
	"bytes"
	"encoding/json"
	"strings"

	"fieldmq/mapping"
)

// Gateway is who tells.
type Gateway struct {
	ID      string
	Prefix  string // of the discovery topics
	Status  string // topic of the gateway's own status
	Before  string // what a bridge puts before all topics but those of discovery
	Version string
	URL     string // of its page, for people; may be empty
}

// Topic is where a device is discovered.
func (g *Gateway) Topic(device string) string {
	return g.Prefix + "/device/" + g.ID + "/" + device + "/config"
}

// config is the payload. Home Assistant drops all of it for one key at the root
// that it does not know.
type config struct {
	Device           device               `json:"device"`
	Origin           origin               `json:"origin"`
	Availability     []availability       `json:"availability"`
	AvailabilityMode string               `json:"availability_mode"`
	StateTopic       string               `json:"state_topic"`
	Components       map[string]component `json:"components"`
}

type device struct {
	Identifiers []string `json:"identifiers"`
	Name        string   `json:"name"`
	Model       string   `json:"model,omitempty"`
	SWVersion   string   `json:"sw_version,omitempty"`
	ViaDevice   string   `json:"via_device,omitempty"`
	URL         string   `json:"configuration_url,omitempty"`
}

type origin struct {
	Name      string `json:"name"`
	SWVersion string `json:"sw_version,omitempty"`
}

type availability struct {
	Topic string `json:"topic"`
}

// component is an entity. One that has a platform only is removed.
type component struct {
	Platform        string   `json:"platform"`
	UniqueID        string   `json:"unique_id,omitempty"`
	Name            string   `json:"name,omitempty"`
	DefaultEntityID string   `json:"default_entity_id,omitempty"`
	DeviceClass     string   `json:"device_class,omitempty"`
	StateClass      string   `json:"state_class,omitempty"`
	Unit            string   `json:"unit_of_measurement,omitempty"`
	Precision       *int     `json:"suggested_display_precision,omitempty"`
	Icon            string   `json:"icon,omitempty"`
	Category        string   `json:"entity_category,omitempty"`
	Options         []string `json:"options,omitempty"`
	ExpireAfter     int      `json:"expire_after,omitempty"` // seconds
	ValueTemplate   string   `json:"value_template,omitempty"`
	CommandTopic    string   `json:"command_topic,omitempty"`
	PayloadOn       string   `json:"payload_on,omitempty"`
	PayloadOff      string   `json:"payload_off,omitempty"`
	PayloadPress    string   `json:"payload_press,omitempty"`
	Min             *float64 `json:"min,omitempty"`
	Max             *float64 `json:"max,omitempty"`
	Step            *float64 `json:"step,omitempty"`
	Mode            string   `json:"mode,omitempty"`
	QoS             int      `json:"qos,omitempty"` // not inherited from the root
}

// Discovery is the payload for a device. Gone are the components that were
// discovered before and are no more, or are something else now, by key, with their
// platforms: Home Assistant takes them away when they are told once more, by their
// platform alone.
func (g *Gateway) Discovery(d mapping.Description, gone map[string]string) []byte {
	self := d.ID == g.ID
	c := config{
		Device: device{Identifiers: []string{g.identifier(d.ID)}, Name: d.Name, Model: d.Model, URL: g.URL},
		Origin: origin{Name: "fieldmq", SWVersion: g.Version},
		// Both must be online: the device, and whoever says so.
		Availability:     []availability{{g.Before + g.Status}, {g.Before + d.Status}},
		AvailabilityMode: "all",
		StateTopic:       g.Before + d.State,
		Components:       map[string]component{},
	}
	if c.Device.Name == "" {
		c.Device.Name = words(d.ID)
	}
	if self {
		c.Availability = c.Availability[:1]
		c.Device.SWVersion = g.Version
	} else {
		c.Device.ViaDevice = g.identifier(g.ID)
	}
	for i := range d.Points {
		if e, ok := g.entity(&d, &d.Points[i]); ok {
			if self && e.Category == "" {
				e.Category = "diagnostic"
			}
			c.Components[d.Points[i].Name] = e
		}
	}
	c.Components["get"] = g.refresh(&d)
	for key, platform := range gone {
		c.Components[key] = component{Platform: platform}
	}
	return encode(c)
}

// Components are those of a payload, with their platforms.
func Components(payload []byte) map[string]string {
	var c struct {
		Components map[string]struct{ Platform string }
	}
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	all := map[string]string{}
	for key, e := range c.Components {
		all[key] = e.Platform
	}
	return all
}

// Gone are the components of one payload that another has not, or has as
// something else.
func Gone(before, now []byte) map[string]string {
	gone, there := Components(before), Components(now)
	for key, platform := range there {
		if gone[key] == platform {
			delete(gone, key)
		}
	}
	return gone
}

func (g *Gateway) identifier(device string) string { return "fieldmq_" + g.ID + "_" + device }

// refresh is a button that has the device read now.
func (g *Gateway) refresh(d *mapping.Description) component {
	return component{
		Platform: "button", UniqueID: g.identifier(d.ID) + "_get", Name: "Read now", Category: "diagnostic",
		DefaultEntityID: "button." + entityID(d.ID+"_get"), CommandTopic: g.Before + d.Get, PayloadPress: "now", Icon: "mdi:refresh", QoS: 1,
	}
}

// encode writes JSON as people read it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // cannot fail: strings and finite numbers
	return bytes.TrimSpace(b.Bytes())
}

// words is a name as people write it: "supply_temp" is "Supply temp".
func words(name string) string {
	text := strings.TrimSpace(strings.NewReplacer("_", " ", "-", " ").Replace(name))
	if text == "" {
		return name
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// entityID is a name in the letters that ids of entities have.
func entityID(name string) string { return strings.ReplaceAll(name, "-", "_") }
