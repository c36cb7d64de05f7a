package mapping

import (
	"bytes"
	"encoding/json"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// Info is the retained birth certificate of a device: what it is and which
// points it has. It is the zero Message for a device that is not in the table.
func (t *Table) Info(device string) mqtt.Message {
	d := t.byID[device]
	if d == nil {
		return mqtt.Message{}
	}
	return d.info
}

// birth is the payload of info.
type birth struct {
	Name   string       `json:"name,omitempty"`
	Model  string       `json:"model,omitempty"`
	Driver string       `json:"driver"`
	Bus    string       `json:"bus"`
	Via    string       `json:"via"`
	Points []birthPoint `json:"points"`
}

// birthPoint is one point of info. Type is that of the value in state.
type birthPoint struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // bool, integer, number or text
	Unit     string   `json:"unit,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Flags    []string `json:"flags,omitempty"` // of these, a value has any number
	Writable bool     `json:"writable"`
	Blind    bool     `json:"write_only,omitempty"` // it is never read
	Min      *float64 `json:"min,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	Step     *float64 `json:"step,omitempty"`
	Topic    string   `json:"topic"`
	At       string   `json:"at"` // place on the bus, in the bus's words
	// Thing is what thing models call it: a property is read, and written if it is
	// writable; a service only takes commands. Event says that its changes come on
	// the device's event topic, too.
	Thing string `json:"thing"`
	Event bool   `json:"event,omitempty"`
}

func (d *device) birth() mqtt.Message {
	b := birth{
		Name:   d.Name,
		Model:  d.Model,
		Driver: d.Driver,
		Bus:    d.Bus,
		Via:    d.Via,
		Points: make([]birthPoint, len(d.points)),
	}
	for i, p := range d.points {
		b.Points[i] = p.birth()
	}
	return retained(d.ID, info, b)
}

func (p *point) birth() birthPoint {
	b := birthPoint{
		Name:     p.Point.Name,
		Type:     p.Point.At.Kind().String(),
		Unit:     p.Rule.Unit,
		Enum:     p.Rule.Enum.Words(),
		Flags:    p.Rule.Flags.Words(),
		Writable: p.Rule.Write.Allowed,
		Blind:    p.WriteOnly,
		Topic:    p.topic,
		At:       p.Point.At.String(),
		Thing:    "property",
		Event:    p.Rule.Event,
	}
	if b.Blind {
		b.Thing = "service"
	}
	switch c := p.codec.(type) {
	case *enum, *flags:
		b.Type = drivers.KindText.String()
	case *number:
		b.Type = c.kind().String()
	}
	if p.formula != nil {
		b.Type = p.formula.kind.String()
	}
	if b.Writable {
		l := p.Rule.Write.Limits
		b.Min, b.Max, b.Step = l.Min, l.Max, l.Step
	}
	return b
}

// retained is a JSON message that brokers keep.
func retained(device, suffix string, payload any) mqtt.Message {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(payload) // cannot fail: strings and finite numbers
	return mqtt.Message{
		Topic:       root + device + suffix,
		Payload:     bytes.TrimSuffix(b.Bytes(), []byte{'\n'}),
		QoS:         mqtt.AtLeastOnce,
		Retain:      true,
		UTF8:        true,
		ContentType: object,
	}
}
