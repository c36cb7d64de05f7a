package modbus

import (
	"encoding/binary"

	"fieldmq/drivers"
)

// part is where the answer to a request has the value of a point, and how that
// is read. Parts lie side by side in memory: a value is decoded in less time
// than it takes to fetch the section of its point.
type part struct {
	index  int32  // of the point, among those that are asked for together
	offset uint16 // of its first byte, or of its bit in a table of bits
	size   uint8  // in bytes
	kind   Type
	order  Order
	plain  bool // it is a number and nothing else: its section has no more to say
}

func newPart(a *Address, index, first int) part {
	p := part{index: int32(index), offset: uint16(a.First() - first), kind: a.ValueType(), order: a.Order}
	if a.Table().Bits() {
		return p
	}
	_, field := a.field()
	p.plain = p.kind != String && !field && len(a.Invalid) == 0 && a.ScaleRegister == nil
	p.offset *= 2
	p.size = uint8(2 * a.Count())
	return p
}

// number is the value of a plain part.
func (p *part) number(data []byte) (drivers.Value, error) {
	if p.kind == Uint16 && !p.order.swapsBytes() { // as most are
		return drivers.Uint(uint64(binary.BigEndian.Uint16(data[p.offset:]))), nil
	}
	return decodeNumber(p.kind, p.order.integer(data[p.offset:p.offset+uint16(p.size)]))
}

// laid is a request that knows where its answer has the points.
func (r Request) laid(points []*drivers.Point) Request {
	if r.Table == Called {
		return r
	}
	r.parts = make([]part, len(r.Points))
	for n, i := range r.Points {
		r.parts[n] = newPart(at(points[i]), i, r.First)
	}
	return r
}
