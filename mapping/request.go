package mapping

import (
	"errors"
	"fmt"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// Request is what a message asks of a device: to be read now, or to be written.
type Request struct {
	Device   string
	Get      bool              // read all its points, and say them all: see Table.Forget
	Commands []drivers.Command // in the order of the message; all of them are allowed
}

// mostValue is the bytes of the longest value; more are refused unread.
const mostValue = 1 << 10

// Request reads a message on one of the Filters. The error is for the sender,
// and Reply hands it over: one fault refuses all commands of a message. When
// the device is known, it stands in the Request beside the error.
func (t *Table) Request(m mqtt.Message) (Request, error) {
	to, err := t.target(m.Topic)
	if to.device == nil {
		return Request{}, err
	}
	r := Request{Device: to.device.ID}
	switch {
	case err != nil:
	case m.Retain:
		err = errors.New("a retained command is not carried out")
	case to.get:
		r.Get = true
	case to.point != nil:
		r.Commands, err = to.point.commands(m.Payload)
	default:
		r.Commands, err = to.device.commands(m.Payload)
	}
	return r, err
}

// target is what a topic is about. A device that is known comes with an error
// that is about one of its points.
func (t *Table) target(topic string) (target, error) {
	if to, ok := t.targets[topic]; ok {
		return to, nil
	}
	below, ours := strings.CutPrefix(topic, root)
	id, rest, _ := strings.Cut(below, "/")
	d := t.byID[id]
	if !ours || d == nil {
		return target{}, fmt.Errorf("no device listens on %s", quote(topic))
	}
	name := strings.TrimSuffix(rest, set)
	if p := d.byName[name]; p != nil {
		return target{device: d}, fmt.Errorf("%s has a topic of its own: publish to %s", name, p.topic+set)
	}
	return target{device: d}, unknown(name)
}

func unknown(name string) error { return fmt.Errorf("there is no point %s", quote(name)) }

// commands is the one command of a plain value.
func (p *point) commands(payload []byte) ([]drivers.Command, error) {
	if len(payload) > mostValue {
		return nil, fmt.Errorf("%d bytes are too long for a value", len(payload))
	}
	c, err := p.command(string(payload))
	if err != nil {
		return nil, err
	}
	return []drivers.Command{c}, nil
}

func (p *point) command(value string) (drivers.Command, error) {
	if !p.Rule.Write.Allowed {
		return drivers.Command{}, errors.New("read-only point")
	}
	raw, err := p.codec.decode(value)
	return drivers.Command{Point: p.Point, Value: raw}, err
}

// commands is those of a JSON object of points and values.
func (d *device) commands(payload []byte) ([]drivers.Command, error) {
	members, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	commands := make([]drivers.Command, 0, len(members))
	for _, m := range members {
		p := d.byName[m.name]
		if p == nil {
			return nil, unknown(m.name)
		}
		c, err := p.command(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		commands = append(commands, c)
	}
	return commands, nil
}
