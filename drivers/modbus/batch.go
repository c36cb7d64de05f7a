package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"fieldmq/drivers"
)

// writing is one request that writes, and the commands that it carries out.
type writing struct {
	commands []drivers.Command
	device   *Device
	table    Table
	first    int
	raw      []byte // of registers, as on the wire
	on       []bool // of coils
	part     bool   // only some bits are written:
	mask     []byte // these, as on the wire
	call     *pdu   // what is sent, if it is a call
}

func newWriting(c drivers.Command) (*writing, error) {
	a := at(c.Point)
	w := &writing{commands: []drivers.Command{c}, device: a.device}
	w.table, w.first = a.target()
	if !a.Writable() {
		return nil, fmt.Errorf("%s %d cannot be written", a.Table(), a.First())
	}
	if a.Call != nil && !a.Call.Data.value {
		if c.Value.Kind() != drivers.KindBool || !c.Value.Bool() {
			return nil, errors.New("the call takes no value: write true to make it")
		}
		w.call = a.Call.request(nil, 0, true)
		return w, nil
	}
	raw, err := encode(a, c.Value)
	switch {
	case err != nil:
		return nil, err
	case a.Call != nil:
		w.call = a.Call.request(raw, len(raw), true)
	case w.table == Coil:
		w.on = []bool{a.Order.integer(raw) != 0}
	default:
		w.raw = raw
		w.part, w.mask = a.mask()
	}
	return w, nil
}

// mask are the bits of a point's registers that are the point, if it is a part.
func (a *Address) mask() (part bool, bits []byte) {
	r, ok := a.field()
	if !ok {
		return false, nil
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], mask(r.Last-r.First+1)<<r.First)
	return true, arrange(a.Order, b[8-2*a.Count():])
}

// batch joins commands that follow each other and touch.
func batch(commands []drivers.Command) ([]*writing, error) {
	var batches []*writing
	for _, c := range commands {
		w, err := newWriting(c)
		if err != nil {
			return nil, fmt.Errorf("write %v: %w: %w", c.Point, drivers.ErrRefused, err)
		}
		if n := len(batches); n == 0 || !batches[n-1].join(w) {
			batches = append(batches, w)
		}
	}
	return batches, nil
}

func (w *writing) count() int { return len(w.raw)/2 + len(w.on) }

// join adds a command that touches, and says whether it did.
func (w *writing) join(next *writing) bool {
	if w.table != next.table || w.part != next.part || w.device != next.device || w.call != nil {
		return false
	}
	if w.part {
		return w.joinBits(next)
	}
	most := min(maxWriteRegisters, w.device.MaxRegisters)
	if w.table == Coil {
		most = min(maxWriteCoils, w.device.MaxCoils)
	}
	switch {
	case w.count()+next.count() > most:
		return false
	case w.first+w.count() == next.first:
		w.raw, w.on = append(w.raw, next.raw...), append(w.on, next.on...)
	case next.first+next.count() == w.first:
		w.raw, w.on = append(next.raw, w.raw...), append(next.on, w.on...)
		w.first = next.first
	default:
		return false
	}
	w.commands = append(w.commands, next.commands...)
	return true
}

// joinBits adds bits of the same registers. The last one counts.
func (w *writing) joinBits(next *writing) bool {
	if w.first != next.first || len(w.raw) != len(next.raw) {
		return false
	}
	for i := range w.raw {
		w.raw[i] = w.raw[i]&^next.mask[i] | next.raw[i]
		w.mask[i] |= next.mask[i]
	}
	w.commands = append(w.commands, next.commands...)
	return true
}

func (w *writing) request() *pdu {
	switch {
	case w.call != nil:
		return w.call
	case w.table == Coil:
		return writeCoils(w.first, w.on, w.device.WriteMultiple)
	}
	return writeRegisters(w.first, w.raw, w.device.WriteMultiple)
}
