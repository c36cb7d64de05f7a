package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"fieldmq/drivers"
)

// Write gives a device some values. Points that touch go in one request, in
// the order of their registers. Nothing is sent if a value does not fit its
// point.
func (b *Bus) Write(ctx context.Context, commands []drivers.Command) error {
	batches, err := batch(commands)
	if err != nil {
		return err
	}
	for _, w := range batches {
		if err := b.write(ctx, w); err != nil {
			return fmt.Errorf("write %v: %w", w.commands[0].Point, err)
		}
	}
	return nil
}

// write sends a batch. A device that does not know how to take several values
// at once gets them one by one.
func (b *Bus) write(ctx context.Context, w *writing) error {
	if w.part {
		if err := b.readRest(ctx, w); err != nil {
			return err
		}
	}
	_, err := b.one(ctx, w.device, w.request())
	if len(w.commands) == 1 || w.part || !errors.Is(err, illegalFunction) {
		return err
	}
	for _, c := range w.commands {
		single, err := newWriting(c)
		if err == nil {
			_, err = b.one(ctx, w.device, single.request())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readRest fetches the bits of a register that are to stay as they are.
func (b *Bus) readRest(ctx context.Context, w *writing) error {
	now, err := b.one(ctx, w.device, readRequest(Holding, w.first, 1))
	if err != nil {
		return err
	}
	word := binary.BigEndian.Uint16(now)
	mine := binary.BigEndian.Uint16(w.raw)
	binary.BigEndian.PutUint16(w.raw, word&^w.bits|mine)
	return nil
}

// one asks for one thing and returns its answer.
func (b *Bus) one(ctx context.Context, d *Device, request *pdu) ([]byte, error) {
	answers, err := b.ask(ctx, d, []*pdu{request})
	if err != nil {
		return nil, err
	}
	if a := answers[0]; a.err != acknowledge || reads(request) { // "at work on it" is agreement
		return a.data, a.err
	}
	return nil, nil
}

// writing is one request that writes, and the commands that it carries out.
type writing struct {
	commands []drivers.Command
	device   *Device
	table    Table
	first    int
	raw      []byte // of registers, as on the wire
	on       []bool // of coils
	part     bool   // only some bits of one register are written:
	bits     uint16 // these, as on the wire
}

func newWriting(c drivers.Command) (*writing, error) {
	a := at(c.Point)
	w := &writing{
		commands: []drivers.Command{c},
		device:   a.device,
		table:    a.Table(),
		first:    a.First(),
	}
	if !a.Writable() {
		return nil, fmt.Errorf("%s %d cannot be written", a.Table(), a.First())
	}
	raw, err := encode(a, c.Value)
	if err != nil {
		return nil, err
	}
	if a.Table() == Coil {
		w.on = []bool{integer(raw) != 0}
		return w, nil
	}
	w.raw = raw
	if r, ok := a.field(); ok {
		w.part = true
		inPlace := binary.BigEndian.AppendUint16(nil, uint16(mask(r.Last-r.First+1)<<r.First))
		w.bits = binary.BigEndian.Uint16(arrange(a.Order, inPlace))
	}
	return w, nil
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
	if w.table != next.table || w.part != next.part || w.device != next.device {
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

// joinBits adds bits of the same register.
func (w *writing) joinBits(next *writing) bool {
	if w.first != next.first {
		return false
	}
	mine, theirs := binary.BigEndian.Uint16(w.raw), binary.BigEndian.Uint16(next.raw)
	binary.BigEndian.PutUint16(w.raw, mine&^next.bits|theirs)
	w.bits |= next.bits
	w.commands = append(w.commands, next.commands...)
	return true
}

func (w *writing) request() *pdu {
	if w.table == Coil {
		return writeCoils(w.first, w.on, w.device.WriteMultiple)
	}
	return writeRegisters(w.first, w.raw, w.device.WriteMultiple)
}
