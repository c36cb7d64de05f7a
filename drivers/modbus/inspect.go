package modbus

import (
	"context"
	"fmt"

	"fieldmq/drivers"
)

// Inspect is Read for people who want to see more: it also returns what each
// point was on the wire, two bytes a register, or one byte that is 0 or 1 for a
// coil or a discrete input; nil where nothing was answered.
func (b *Bus) Inspect(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error) {
	if len(points) == 0 {
		return nil, nil, ctx.Err()
	}
	r := newReading(b, points)
	r.raw = make([][]byte, len(points))
	if err := r.run(ctx, b.plan(r.device, points)); err != nil {
		return nil, nil, fmt.Errorf("read unit %d: %w", r.device.Unit, err)
	}
	return r.samples, r.raw, nil
}

// part is what an answer says of a point, as Inspect returns it.
func (q Request) part(data []byte, a *Address) []byte {
	offset := a.First() - q.First
	if !q.Table.Bits() {
		return data[2*offset : 2*(offset+a.Count())]
	}
	if bit(data, offset) {
		return []byte{1}
	}
	return []byte{0}
}

// Decode is the value that registers have for the point, or
// drivers.ErrNoValue. raw holds two bytes for each of its registers, in the
// order of the wire, and is not changed.
func (a *Address) Decode(raw []byte) (drivers.Value, error) {
	if len(raw) != 2*a.Count() {
		return drivers.Value{}, fmt.Errorf("%d bytes are not %d registers", len(raw), a.Count())
	}
	return decode(a, raw)
}

// As is the point as if it had another type and order, which must take as many
// registers.
func (a *Address) As(t Type, o Order) *Address {
	as := *a
	as.Type, as.Order, as.Bit, as.Bits, as.Invalid = t, o, nil, nil, nil
	if as.Length = 0; t == BCD {
		as.Length = a.Count()
	}
	return &as
}

// Shifted is the point as if it stood so many registers further on; there may
// be no such registers.
func (a *Address) Shifted(registers int) (shifted *Address, ok bool) {
	to := a.First() + registers
	if to < 0 || to+a.Count() > 1<<16 {
		return nil, false
	}
	moved, n := *a, uint16(to)
	for _, place := range []**uint16{&moved.Coil, &moved.Discrete, &moved.Input, &moved.Holding} {
		if *place != nil {
			*place = &n
		}
	}
	return &moved, true
}

// Types are the types of values that take so many registers, in the order in
// which they are most often met.
func Types(registers int) []Type {
	switch registers {
	case 1:
		return []Type{Uint16, Int16, BCD}
	case 2:
		return []Type{Float32, Uint32, Int32, BCD}
	case 4:
		return []Type{Float64, Int64, Uint64, BCD}
	}
	return nil
}
