package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Compile makes the table of the devices of one bus. The error is Faults, with
// all there are. Topics must be unique over all buses: compile all devices
// together once to find that out.
func Compile(devices []Device) (*Table, error) {
	c := compiler{
		table: &Table{
			points:  make(map[*drivers.Point]*point),
			byID:    make(map[string]*device),
			targets: make(map[string]target),
		},
		owners: make(map[string]string),
	}
	for i := range devices {
		c.device(devices[i])
	}
	for _, d := range c.table.devices { // when all fixed topics are taken
		for _, e := range slices.Concat(d.Device.Points, d.Computed) {
			c.point(d, e)
		}
		c.formulas(d)
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	for _, d := range c.table.devices {
		d.finish()
	}
	return c.table, nil
}

// compiler makes one table and collects what is wrong.
type compiler struct {
	table  *Table
	owners map[string]string // of topics: "boiler/flow", or "the gateway"
	faults Faults
}

func (c *compiler) device(from Device) {
	d := &device{
		Device: from,
		byName: make(map[string]*point),
		topic:  root + from.ID + state,
	}
	switch {
	case !IsName(d.ID):
		c.bad(d, nil, "", "%s is no id: write a-z, 0-9, - and _, and begin with a letter or digit", quote(d.ID))
		return
	case c.table.byID[d.ID] != nil:
		c.bad(d, nil, "", "there are two devices %s", d.ID)
		return
	}
	c.invalid(d, nil, "", d.Reporting.Validate())
	c.table.byID[d.ID] = d
	c.table.devices = append(c.table.devices, d)
	c.table.targets[root+d.ID+set] = target{device: d}
	c.table.targets[root+d.ID+get] = target{device: d, get: true}
	for _, suffix := range own() {
		c.owners[root+d.ID+suffix] = "the gateway itself"
	}
}

func (c *compiler) point(d *device, e Entry) {
	before := len(c.faults)
	c.checkName(d, e.Point)
	c.checkRule(d, e)
	if len(c.faults) > before {
		return
	}
	p := &point{
		Entry:  e,
		device: d,
		topic:  e.Rule.Topic,
		key:    `,"` + e.Point.Name + `":`,
		codec:  codecAt(e.Point.At, &e.Rule),
		quoted: e.Rule.worded() || e.Point.At.Kind() == drivers.KindText,
		expiry: e.Rule.expiry(e.Every),
	}
	if e.Rule.Counter.On {
		p.total = newTotal(e.Point.At, e.Rule.Counter)
	}
	if e.Rule.Expr.Given() {
		p.formula = &formula{Expr: e.Rule.Expr.Expr}
	}
	if p.topic == "" {
		p.topic = root + d.ID + "/" + e.Point.Name
	}
	if p.formula == nil && (p.quoted || e.Point.At.Kind() == drivers.KindBool) {
		p.Rule.Deadband = Deadband{} // what a bus or device says is for its numbers
	}
	c.claim(p)
	c.table.points[e.Point] = p
	c.table.targets[p.topic+set] = target{device: d, point: p}
	d.points = append(d.points, p)
	d.byName[e.Point.Name] = p
	c.fallbacks(p)
	c.checkHome(p)
}

// claim takes the two topics of a point, unless they have an owner.
func (c *compiler) claim(p *point) {
	for _, topic := range []string{p.topic, p.topic + set} {
		if owner, taken := c.owners[topic]; taken {
			key := "topic"
			if p.Rule.Topic == "" {
				key = ""
			}
			c.bad(p.device, p.Point, key, "the topic %s is taken by %s", topic, owner)
			return
		}
		c.owners[topic] = p.Point.String()
	}
}

func (c *compiler) checkName(d *device, p *drivers.Point) {
	switch {
	case !IsName(p.Name):
		c.bad(d, p, "", "%s is no name of a point: write a-z, 0-9, - and _, and begin with a letter or digit", quote(p.Name))
	case reserved(p.Name):
		c.bad(d, p, "", "%s is a name that the gateway uses itself; choose another", p.Name)
	case d.byName[p.Name] != nil:
		c.bad(d, p, "", "there are two points %s", p.Name)
	}
}

// checkRule finds what is wrong with a rule by itself, and if nothing is, what
// does not go with the kind of value that the point has.
func (c *compiler) checkRule(d *device, e Entry) {
	before := len(c.faults)
	if e.Rule.Reporting != d.Reporting {
		c.invalid(d, e.Point, "", e.Rule.Reporting.Validate())
	}
	c.invalid(d, e.Point, "", e.Rule.Validate())
	c.invalid(d, e.Point, "write.", e.Rule.Write.Limits.Validate())
	if len(c.faults) == before {
		if _, computed := e.Point.At.(*Formula); !computed { // of those nobody knows yet
			c.checkKind(d, e)
		}
		c.checkExpire(d, e)
	}
}

// checkExpire finds values that are gone before they are read again.
func (c *compiler) checkExpire(d *device, e Entry) {
	span := e.Rule.Expire
	if span > 0 && time.Duration(span) <= e.Every && e.Rule.Reporting.Validate() == nil {
		c.bad(d, e.Point, "expire", "%v is not longer than the %v after which the point is read again",
			span, configs.Duration(e.Every))
	}
}

func (c *compiler) checkKind(d *device, e Entry) {
	r, at := &e.Rule, e.Point.At
	kind, words := at.Kind(), r.wordKey()
	integer := kind == drivers.KindInt || kind == drivers.KindUint
	number := (integer || kind == drivers.KindFloat) && words == ""
	if words != "" && !integer {
		c.bad(d, e.Point, words, "gives words to integers, and this point holds %v values", kind)
	}
	if bounded, ok := at.(drivers.Bounded); ok && integer {
		lowest, highest := bounded.Bounds()
		c.invalid(d, e.Point, "", errors.Join(r.Enum.within(lowest, highest), r.Flags.within(highest)))
		if words == "" && r.Scale != 0 {
			l := newLimits(r)
			l.hold(lowest, highest)
			c.invalid(d, e.Point, "", l.validate())
		}
	}
	if key := r.numeric(); key != "" && !number && words == "" {
		c.bad(d, e.Point, key, "is for numbers, and this point holds %v values", kind)
	}
	if r.Deadband.Width > 0 && r.Deadband != d.Reporting.Deadband && !number {
		c.bad(d, e.Point, "deadband", "is for numbers; other values go out whenever they change")
	}
	if r.Invert && kind != drivers.KindBool {
		c.bad(d, e.Point, "invert", "is for bools, and this point holds %v values", kind)
	}
	if r.Write.Allowed && !at.Writable() {
		c.bad(d, e.Point, "write", "%v cannot be written", at)
	}
	if r.Counter.On && (!number || r.Write.Allowed) {
		c.bad(d, e.Point, "counter", "is for numbers that are only read")
	}
	if r.Refresh > 0 && !r.Write.Allowed {
		c.bad(d, e.Point, "refresh", "is for points that are written: add write")
	}
	if e.WriteOnly && !r.Write.Allowed {
		c.bad(d, e.Point, "read", "a point that is not read must be written: add write")
	}
	if number && !integer && r.Write.Allowed && at.Writable() {
		c.checkLimits(d, e)
	}
	if step := r.Write.Limits.Step; step != nil && integer && !multiple(*step, r.Scale) {
		c.bad(d, e.Point, "write.step", "%v is no multiple of the scale, %v", *step, r.Scale)
	}
}

// checkLimits finds bounds that are beyond the largest number that the point can hold,
// so that a command which keeps to them would be refused all the same.
func (c *compiler) checkLimits(d *device, e Entry) {
	holder, ok := e.Point.At.(drivers.Holder)
	if !ok {
		return
	}
	r := e.Rule
	r.Write.Limits = Limits{}
	n := newNumber(e.Point.At.Kind(), &r)
	of := ""
	if !n.plain() {
		of = "without scale and offset, "
	}
	for _, bound := range []struct {
		key   string
		value *float64
	}{{"write.min", e.Rule.Write.Limits.Min}, {"write.max", e.Rule.Write.Limits.Max}} {
		if bound.value == nil {
			continue
		}
		raw, err := n.raw(rational(*bound.value))
		if err == nil {
			err = holder.Holds(raw)
		}
		if err != nil {
			c.bad(d, e.Point, bound.key, "%v cannot be written: %s%v", *bound.value, of, err)
		}
	}
}

// multiple says whether a is a whole number of bs, in decimals.
func multiple(a, b float64) bool {
	ratio := rational(a)
	return ratio.Quo(ratio, rational(b)).IsInt()
}

// invalid takes over what a Validate method found.
func (c *compiler) invalid(d *device, p *drivers.Point, prefix string, err error) {
	if err == nil {
		return
	}
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, err := range many.Unwrap() {
			c.invalid(d, p, prefix, err)
		}
		return
	}
	var bad *configs.KeyError
	if errors.As(err, &bad) {
		c.bad(d, p, strings.TrimSuffix(prefix+bad.Key, "."), "%s", bad.Text)
	}
}

func (c *compiler) bad(d *device, p *drivers.Point, key, format string, args ...any) {
	f := Fault{Device: d.ID, Key: key, Text: fmt.Sprintf(format, args...)}
	if p != nil {
		f.Point = p.Name
	}
	c.faults = append(c.faults, f)
}

// finish works out what follows from all points of the device. No value in its
// state outlives its own expiry, so the shortest is that of the state.
func (d *device) finish() {
	for _, p := range d.points {
		d.heartbeat = shorter(d.heartbeat, p.Rule.Heartbeat.D())
		d.expiry = shorter(d.expiry, p.expiry)
		d.every = shorter(d.every, p.Every)
	}
	d.info = d.birth()
}

// shorter is the shorter of two spans of which zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}
