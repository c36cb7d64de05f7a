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
	return b.read(ctx, points, true)
}

// part is what an answer says of a point, as Inspect returns it.
func (q Request) part(data []byte, a *Address) []byte {
	if !q.Table.Bits() {
		return a.own(data, q.First)
	}
	if bit(data, a.First()-q.First) {
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
	as.ScaleRegister = nil
	if as.Length = 0; t.decimal() {
		as.Length = a.Count()
	}
	return &as
}

// Shifted is the point as if it stood so many registers further on; there may
// be no such registers.
func (a *Address) Shifted(registers int) (shifted *Address, ok bool) {
	if a.Call != nil || a.Sunspec != nil {
		return nil, false
	}
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

// Resized is the point as if it were a whole number that begins at the same place
// and takes so many registers, 1, 2 or 4; there may be none.
func (a *Address) Resized(registers int) (resized *Address, ok bool) {
	whole := map[int]Type{1: Uint16, 2: Uint32, 4: Uint64}[registers]
	if whole == Unset || a.Call != nil || a.Sunspec != nil || a.First()+registers > 1<<16 {
		return nil, false
	}
	return a.As(whole, a.Order), true
}

// Types are the types of values that take so many registers, in the order in
// which they are most often met, and behind them those that are seldom met.
func Types(registers int) (often, seldom []Type) {
	switch registers {
	case 1:
		return []Type{Uint16, Int16, BCD}, []Type{Float16, SignInt16, UnpackedBCD}
	case 2:
		return []Type{Float32, Uint32, Int32, BCD}, []Type{SignInt32, UnpackedBCD, Mod10k}
	case 4:
		return []Type{Float64, Int64, Uint64, BCD}, []Type{UnpackedBCD, Mod10k}
	}
	return nil, []Type{BCD, UnpackedBCD, Mod10k}
}
