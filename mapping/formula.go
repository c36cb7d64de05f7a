package mapping

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"fieldmq/drivers"
	"fieldmq/mapping/expr"
)

// Own is the name that a point's own reading has in its expression.
const Own = "value"

// Expression is an expression in YAML.
type Expression struct{ *expr.Expr }

// UnmarshalText reads an expression.
func (e *Expression) UnmarshalText(text []byte) (err error) {
	e.Expr, err = expr.Parse(string(text))
	return err
}

// MarshalText writes it as it was written.
func (e Expression) MarshalText() ([]byte, error) {
	if e.Expr == nil {
		return nil, nil
	}
	return []byte(e.String()), nil
}

// Given says whether there is an expression.
func (e Expression) Given() bool { return e.Expr != nil }

// Computed says whether a point with the expression has no place of its own: it
// is made of others, and not of its own reading.
func (e Expression) Computed() bool { return e.Given() && !slices.Contains(e.Names(), Own) }

// Formula is the Address of a computed point.
type Formula struct {
	expression Expression
	kind       drivers.Kind // once the table is compiled
}

// NewFormula is the Address of a point that an expression makes of others.
func NewFormula(e Expression) *Formula { return &Formula{expression: e} }

func (f *Formula) String() string     { return "computed as " + f.expression.String() }
func (f *Formula) Kind() drivers.Kind { return f.kind }
func (*Formula) Writable() bool       { return false }

// formula is an expression of a point at work.
type formula struct {
	*expr.Expr
	inputs []*point // in the order of Names; nil for the point itself
	kind   drivers.Kind
	own    heard // the point's own reading, if it has one
	reads  codec // turns that into text
	batch  uint64
}

// kind is what a point's values are in an expression.
func (p *point) kind() drivers.Kind {
	switch {
	case p.formula != nil:
		return p.formula.kind
	case p.Rule.worded():
		return drivers.KindText
	}
	return numeric(p.Point.At.Kind())
}

// numeric makes all numbers one kind.
func numeric(k drivers.Kind) drivers.Kind {
	if k == drivers.KindInt || k == drivers.KindUint {
		return drivers.KindFloat
	}
	return k
}

// formulas resolves the expressions of a device: every name to its point, each
// after those that it needs.
func (c *compiler) formulas(d *device) {
	visiting := map[*point]bool{}
	for _, p := range d.points {
		c.resolve(d, p, visiting)
	}
}

// resolve settles a formula after those that it needs, and says what it is.
func (c *compiler) resolve(d *device, p *point, visiting map[*point]bool) {
	f := p.formula
	if f == nil || slices.Contains(d.formulas, p) || f.kind != drivers.KindNone {
		return
	}
	if visiting[p] {
		c.bad(d, p.Point, "expr", "%s is computed from itself", p.Point.Name)
		f.kind = drivers.KindFloat
		return
	}
	visiting[p] = true
	own := drivers.KindText
	if !p.Rule.worded() {
		own = numeric(p.Point.At.Kind())
	}
	broken := false
	kind, err := f.Check(func(name string) (drivers.Kind, bool) {
		if name == Own {
			return own, true
		}
		input := d.byName[name]
		if input == nil {
			broken = broken || d.declares(name) // what is wrong with it is said there
			return drivers.KindNone, false
		}
		c.resolve(d, input, visiting)
		return input.kind(), true
	})
	if f.kind != drivers.KindNone { // it met itself
		return
	}
	switch {
	case broken:
		return
	case err != nil:
		c.bad(d, p.Point, "expr", "%v", err)
		return
	}
	f.kind = kind
	for _, name := range f.Names() {
		f.inputs = append(f.inputs, d.byName[name]) // nil for itself
	}
	d.formulas = append(d.formulas, p)
	c.settle(d, p)
}

// declares says whether a point of the name is configured.
func (d *device) declares(name string) bool {
	named := func(e Entry) bool { return e.Point.Name == name }
	return slices.ContainsFunc(d.Device.Points, named) || slices.ContainsFunc(d.Computed, named)
}

// settle gives a formula's point what follows from the kind of its values.
func (c *compiler) settle(d *device, p *point) {
	if at, ok := p.Point.At.(*Formula); ok {
		at.kind = p.formula.kind
		c.checkKind(d, p.Entry)
		p.codec = newCodec(at.kind, &p.Rule)
	} else {
		plain := p.Rule
		plain.Scale, plain.Offset, plain.Invert, plain.Enum, plain.Flags = 1, 0, false, nil, nil
		p.formula.reads = p.codec
		p.codec = newCodec(p.formula.kind, &plain)
	}
	p.quoted = p.formula.kind == drivers.KindText
	if p.formula.kind != drivers.KindFloat {
		p.Rule.Deadband = Deadband{}
	}
}

// listen takes the reading of a point in whose expression it goes, and says
// whether it is one that was not known.
func (p *point) listen(s *drivers.Sample, batch uint64) (fresh bool) {
	own := &p.formula.own
	fresh = !s.Time.Equal(own.at)
	own.at, own.raw = s.Time, s.Value
	own.reason = ""
	p.formula.batch = batch
	switch {
	case s.Err != nil:
		own.reason = short(s.Err.Error())
	case s.Value.Kind() == drivers.KindNone:
		own.reason = drivers.ErrNoValue.Error()
	default:
		var err error
		if own.text, err = p.formula.reads.encode(own.text[:0], s.Value); err != nil {
			own.reason = short(err.Error())
		}
	}
	return fresh
}

// touchedIn says whether the batch had news for the formula of a point.
func (p *point) touchedIn(batch uint64) bool {
	if p.formula.batch == batch {
		return true
	}
	return slices.ContainsFunc(p.formula.inputs, func(in *point) bool { return in != nil && in.batch == batch })
}

// compute is the sample that a formula makes of what it needs: as old as the
// oldest of that, and bad if any of it is.
func (p *point) compute(now time.Time) drivers.Sample {
	f := p.formula
	s := drivers.Sample{Point: p.Point}
	older := func(at time.Time) {
		if s.Time.IsZero() || at.Before(s.Time) {
			s.Time = at
		}
	}
	for i, in := range f.inputs {
		switch {
		case in == nil:
			older(f.own.at)
			if f.own.reason != "" {
				s.Err = errors.New(f.own.reason)
			}
		case in.trouble(now) != "":
			older(in.heard.at)
			s.Err = fmt.Errorf("%s: %s", f.Names()[i], in.trouble(now))
		case !in.known():
			s.Err = fmt.Errorf("%s: not read yet", f.Names()[i])
		default:
			older(in.heard.at)
		}
	}
	if s.Time.IsZero() {
		s.Time = now
	}
	if s.Err == nil {
		s.Value, s.Err = f.Eval(p.look)
	}
	return s
}

// look is the value of a name.
func (p *point) look(name string) drivers.Value {
	i := slices.Index(p.formula.Names(), name)
	if in := p.formula.inputs[i]; in != nil {
		return asValue(in.kind(), in.heard.text)
	}
	own := drivers.KindText
	if !p.Rule.worded() {
		own = numeric(p.Point.At.Kind())
	}
	return asValue(own, p.formula.own.text)
}

// asValue is what a text of a point's stands for.
func asValue(k drivers.Kind, text []byte) drivers.Value {
	switch k {
	case drivers.KindBool:
		return drivers.Bool(string(text) == "true")
	case drivers.KindText:
		return drivers.Text(string(text))
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		f = math.NaN()
	}
	return drivers.Float(f)
}

// compute says what the formulas of a device make of a batch.
func (t *Table) compute(d *device, now time.Time) {
	for _, p := range d.formulas {
		if !p.touchedIn(t.batch) {
			continue
		}
		p.batch = t.batch
		s := p.compute(now)
		t.take(p, &s, now)
	}
}
