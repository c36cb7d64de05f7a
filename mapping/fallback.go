package mapping

import (
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Fallback is a value that is written when an upstream has been away for some
// time. In YAML it is the value, or {value: off, after: 5m, upstream: cloud}.
type Fallback struct {
	Given bool
	Away
}

// Away is what is written when an upstream is away, and when that is so.
type Away struct {
	// Value is what is written, as a command would say it. Required.
	Value string `yaml:"value" check:"required"`
	// After is how long the upstream must have been away. Default 1m.
	After configs.Duration `yaml:"after" check:"min=1s"`
	// Upstream is the name of the one that counts. Default: all of them must be
	// away.
	Upstream string `yaml:"upstream"`
}

func newAway() Away { return Away{After: configs.Duration(time.Minute)} }

// UnmarshalConfig reads either form.
func (f *Fallback) UnmarshalConfig(n *configs.Node) {
	*f = Fallback{Given: true, Away: newAway()}
	if n.Kind() == configs.Mapping {
		n.Decode(&f.Away)
		return
	}
	n.Decode(&f.Value)
}

// ConfigForms is what may be written, for the schema.
func (Fallback) ConfigForms() []any {
	return []any{"", 0.0, false, newAway()}
}

// Loss is what is to be done when an upstream has been away for some time.
type Loss struct {
	Upstream string // empty: all of them
	After    time.Duration
	Command  drivers.Command
}

// Losses is what the points of the table are to become when upstreams are away.
func (t *Table) Losses() []Loss { return t.losses }

// Last is what the points of a device are to become when the gateway stops.
func (t *Table) Last(device string) []drivers.Command {
	if d := t.byID[device]; d != nil {
		return d.last
	}
	return nil
}

// Refresh is how often a value that a point was given is to be written again;
// zero: not at all, or the point is none of the table.
func (t *Table) Refresh(p *drivers.Point) time.Duration {
	if known := t.points[p]; known != nil {
		return known.Rule.Refresh.D()
	}
	return 0
}

// keep is the word of on_stop for nothing.
const keep = "keep"

// fallbacks checks and keeps the values that a point takes in an emergency.
func (c *compiler) fallbacks(p *point) {
	if value := p.Rule.OnStop; value != nil && *value != keep {
		if command, ok := c.fallback(p, "on_stop", *value); ok {
			p.device.last = append(p.device.last, command)
		}
	}
	if f := p.Rule.OnUplinkLost; f.Given {
		if command, ok := c.fallback(p, "on_uplink_lost", f.Value); ok {
			c.table.losses = append(c.table.losses, Loss{f.Upstream, f.After.D(), command})
		}
	}
}

func (c *compiler) fallback(p *point, key, value string) (drivers.Command, bool) {
	command, err := p.command(value)
	if holder, ok := p.Point.At.(drivers.Holder); ok && err == nil {
		err = holder.Holds(command.Value)
	}
	if err != nil {
		c.bad(p.device, p.Point, key, "%v", err)
	}
	return command, err == nil
}
