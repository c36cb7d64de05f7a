package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Verify is whether and where a value is read back after it was written. In
// YAML it is true, false, or the place.
type Verify struct {
	On bool
	ReadBack
}

// ReadBack is where and until when a device shows what was written to it.
type ReadBack struct {
	// Coil is the coil to be read back, if it is not the point itself.
	Coil *uint16 `yaml:"coil"`
	// Discrete is the discrete input to be read back.
	Discrete *uint16 `yaml:"discrete"`
	// Input is the first input register to be read back.
	Input *uint16 `yaml:"input"`
	// Holding is the first holding register to be read back.
	Holding *uint16 `yaml:"holding"`
	// Within is how long the device may take to show what was written; the bus
	// waits for it. Default 1s.
	Within configs.Duration `yaml:"within" check:"min=0s,max=10s"`
}

// defaultWithin is how long a device may take to show what was written.
const defaultWithin = time.Second

// UnmarshalConfig reads either form.
func (v *Verify) UnmarshalConfig(n *configs.Node) {
	if n.Kind() == configs.Mapping {
		*v = Verify{On: true, ReadBack: newReadBack()}
		n.Decode(&v.ReadBack)
		return
	}
	*v = Verify{ReadBack: newReadBack()}
	n.Decode(&v.On)
}

func newReadBack() ReadBack { return ReadBack{Within: configs.Duration(defaultWithin)} }

// ConfigForms is what may be written, for the schema.
func (Verify) ConfigForms() []any { return []any{false, newReadBack()} }

func (v *ReadBack) places() []*uint16 { return []*uint16{v.Coil, v.Discrete, v.Input, v.Holding} }

// readBack is the place where a point shows what was written to it.
func (a *Address) readBack() *Address {
	shadow := *a
	for _, p := range a.Verify.places() {
		if p != nil {
			v := a.Verify
			shadow.Coil, shadow.Discrete, shadow.Input, shadow.Holding = v.Coil, v.Discrete, v.Input, v.Holding
			shadow.Call = nil
			return &shadow
		}
	}
	return &shadow
}

// validateVerify finds places that cannot show the value.
func (a *Address) validateVerify() error {
	if !a.Verify.On {
		return nil
	}
	n := 0
	for _, p := range a.Verify.places() {
		if p != nil {
			n++
		}
	}
	back := a.readBack()
	switch {
	case n > 1:
		return configs.Bad("verify", "only one of coil, discrete, input and holding may be given")
	case back.Call != nil:
		return configs.Bad("verify", "a call cannot be read back: give the place, such as {holding: 5}")
	case back.Table().Bits() && a.ValueType() != Bool:
		return configs.Bad("verify", "a %s is one bit, and cannot show %s", back.Table(), a.ValueType())
	case a.device.broadcast():
		return configs.Bad("verify", "nobody answers to unit 0: there is nothing to read back")
	}
	return nil
}

// Pauses between looks at a device that does not show yet what was written.
const (
	firstLook = 50 * time.Millisecond
	longLook  = 500 * time.Millisecond
)

// expectation is a point, and what it shall read.
type expectation struct {
	command drivers.Command
	shadow  *drivers.Point
	want    drivers.Value
}

// expectations are the points of commands that are to be read back.
func expectations(commands []drivers.Command) (found []expectation) {
	for _, c := range commands {
		a := at(c.Point)
		if !a.Verify.On {
			continue
		}
		shadow := &drivers.Point{Device: c.Point.Device, Name: c.Point.Name, At: a.readBack()}
		found = append(found, expectation{c, shadow, a.canonical(c.Value)})
	}
	return found
}

// canonical is a value as the device gives it back: in its own precision.
func (a *Address) canonical(v drivers.Value) drivers.Value {
	plain := *a
	plain.Invalid = nil
	raw, err := encode(&plain, v)
	if err != nil {
		return v
	}
	if w, err := decode(&plain, raw); err == nil {
		return w
	}
	return v
}

// verify reads back what was written until the device shows it. unsure is why the
// answer to the write is not known; nil: the device agreed.
func (b *Bus) verify(ctx context.Context, expected []expectation, unsure error) error {
	points := make([]*drivers.Point, len(expected))
	within := time.Duration(0)
	for i, e := range expected {
		points[i] = e.shadow
		within = max(within, at(e.command.Point).Verify.Within.D())
	}
	deadline := time.Now().Add(within)
	for pause := firstLook; ; pause = min(2*pause, longLook) {
		err := b.look(ctx, points, expected, unsure)
		var differs *difference
		if !errors.As(err, &differs) || time.Now().Add(pause).After(deadline) {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// difference is a point that does not show what was written to it.
type difference struct {
	point *drivers.Point
	wrote drivers.Value
	shows drivers.Value
	lost  error // why the write was not answered; nil: the device agreed
}

func (d *difference) Error() string {
	if d.lost != nil {
		return fmt.Sprintf("the write was not answered (%v), and %s still reads %v, not %v", d.lost, d.point.Name, d.shows, d.wrote)
	}
	return fmt.Sprintf("the device agreed, but %s reads back as %v, not %v (in its own numbers)", d.point.Name, d.shows, d.wrote)
}

// Is makes a difference read as a refusal.
func (*difference) Is(target error) bool { return target == drivers.ErrRefused }

// once reads points without keeping what was worked out for them.
func (b *Bus) once(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	r := newReading(b, points, nil)
	p := planner{r.device, b.link.cost(r.device.target()), r.known}
	if err := r.run(ctx, newPlan(r.device, p.plan(points))); err != nil {
		return nil, fmt.Errorf("read unit %d: %w", r.device.Unit, err)
	}
	return r.samples, nil
}

// look reads back once.
func (b *Bus) look(ctx context.Context, points []*drivers.Point, expected []expectation, unsure error) error {
	samples, err := b.once(ctx, points)
	if err != nil {
		return fmt.Errorf("%w: %w", busLost(err), drivers.ErrUnsure)
	}
	for i, s := range samples {
		e := expected[i]
		switch {
		case errors.Is(s.Err, drivers.ErrOffline):
			return fmt.Errorf("%w; read back: %w", drivers.ErrUnsure, s.Err)
		case s.Err != nil:
			return fmt.Errorf("written, but reads back as %w", s.Err)
		case s.Value != e.want:
			return &difference{e.command.Point, e.want, s.Value, unsure}
		}
	}
	return nil
}
