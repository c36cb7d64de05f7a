package modbus

import (
	"context"
	"errors"
	"fmt"

	"fieldmq/drivers"
)

// Write gives a device some values. Points that touch go in one request, in
// the order of their registers. Nothing is sent if a value does not fit its
// point.
func (b *Bus) Write(ctx context.Context, commands []drivers.Command) error {
	commands, err := b.settle(ctx, commands)
	if err != nil {
		return err
	}
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

// settle gives commands the registers that only the device knows: where its
// SunSpec blocks are, and the power of ten that scales a value now.
func (b *Bus) settle(ctx context.Context, commands []drivers.Command) ([]drivers.Command, error) {
	settled := make([]drivers.Command, len(commands))
	for i, c := range commands {
		a, err := b.place(ctx, c.Point)
		if err == nil && a.ScaleRegister != nil {
			c.Value, err = b.unscaled(ctx, a, c.Value)
			bare := *a
			bare.ScaleRegister = nil
			a = &bare
		}
		if err != nil {
			return nil, fmt.Errorf("write %v: %w", c.Point, err)
		}
		if a != c.Point.At {
			c.Point = &drivers.Point{Device: c.Point.Device, Name: c.Point.Name, At: a}
		}
		settled[i] = c
	}
	return settled, nil
}

// place is where a point is: in the tables or in a block that must be found.
func (b *Bus) place(ctx context.Context, p *drivers.Point) (*Address, error) {
	a := at(p)
	if a.Sunspec == nil {
		return a, nil
	}
	l, failure, err := b.locate(ctx, a.device, []*drivers.Point{p})
	switch {
	case err != nil:
		return nil, busLost(err)
	case failure != nil:
		return nil, failure
	case len(l.points) == 0:
		return nil, l.missing[0]
	}
	return at(l.points[0]), nil
}

// unscaled is what the register must hold for a value, as the device scales it
// now.
func (b *Bus) unscaled(ctx context.Context, a *Address, v drivers.Value) (drivers.Value, error) {
	words, failure, err := b.words(ctx, a.device, *a.ScaleRegister, 1)
	switch {
	case err != nil:
		return v, busLost(err)
	case failure != nil:
		return v, fmt.Errorf("its scale register: %w", failure)
	}
	e, err := exponent([]byte{byte(words[0] >> 8), byte(words[0])})
	if err != nil {
		return v, err
	}
	return shifted(v, -e)
}

// busLost makes a broken bus one in the words of Write.
func busLost(err error) error {
	if errors.Is(err, drivers.ErrBus) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", drivers.ErrBus, err)
}

// write sends a batch, and reads back what is to be verified.
func (b *Bus) write(ctx context.Context, w *writing) error {
	expected := expectations(w.commands)
	if w.device.ReadWrite && len(expected) == len(w.commands) && w.exchangeable() {
		done, err := b.exchange(ctx, w)
		if done || err != nil {
			return err
		}
	}
	err := b.send(ctx, w)
	gone := errors.Is(err, drivers.ErrBus) && !errors.Is(err, ErrClosed) // a peer that hung up can be called again
	if len(expected) == 0 || err != nil && !errors.Is(err, drivers.ErrUnsure) || gone || ctx.Err() != nil {
		return err
	}
	return b.verify(ctx, expected, err)
}

// send sends a batch in one request. A device that does not know how to take
// several values at once gets them one by one.
func (b *Bus) send(ctx context.Context, w *writing) error {
	if w.part {
		return b.sendPart(ctx, w)
	}
	err := b.order(ctx, w.device, w.request())
	if len(w.commands) == 1 || !errors.Is(err, illegalFunction) {
		return err
	}
	for _, c := range w.commands {
		single, err := newWriting(c)
		if err == nil {
			err = b.order(ctx, w.device, single.request())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sendPart changes some bits of a register and leaves the others.
func (b *Bus) sendPart(ctx context.Context, w *writing) error {
	known := b.lessons(w.device)
	if w.device.MaskWrite && len(w.raw) == 2 && !known.noMask {
		err := b.order(ctx, w.device, maskWrite(w.first, w.mask, w.raw))
		if !errors.Is(err, illegalFunction) {
			return err
		}
		known.noMask = true
	}
	if w.device.broadcast() {
		return fmt.Errorf("%w: a part of a register cannot be written on unit 0 without mask_write, for nobody says what the rest is", drivers.ErrRefused)
	}
	answers, err := b.ask(ctx, w.device, []*pdu{readRequest(Holding, w.first, len(w.raw)/2)})
	switch {
	case err != nil:
		return busLost(err)
	case answers[0].err != nil: // nothing was written so far
		return answers[0].err
	}
	for i, now := range answers[0].data {
		w.raw[i] |= now &^ w.mask[i]
	}
	return b.order(ctx, w.device, w.request())
}

// exchange writes and reads back with one request. done is false where the
// device does not know how, or does not show yet what was written.
func (b *Bus) exchange(ctx context.Context, w *writing) (done bool, err error) {
	known := b.lessons(w.device)
	if known.noReadWrite {
		return false, nil
	}
	data, err := b.one(ctx, w.device, readWrite(w.first, w.raw))
	switch {
	case errors.Is(err, illegalFunction):
		known.noReadWrite = true
		return false, nil
	case err == nil && string(data) == string(w.raw):
		return true, nil
	case err == nil || errors.Is(err, drivers.ErrUnsure) && !errors.Is(err, drivers.ErrBus):
		return true, b.verify(ctx, expectations(w.commands), err)
	}
	return true, err
}

// order sends a request that changes something, once.
func (b *Bus) order(ctx context.Context, d *Device, request *pdu) error {
	_, err := b.one(ctx, d, request)
	return err
}

// one asks for one thing and returns its answer. A device that is "at work on
// it" has agreed. Where no answer came the error says that nobody knows.
func (b *Bus) one(ctx context.Context, d *Device, request *pdu) ([]byte, error) {
	answers, err := b.ask(ctx, d, []*pdu{request})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", busLost(err), drivers.ErrUnsure)
	}
	a := answers[0]
	switch e := (Exception(0)); {
	case a.err == nil, errors.Is(a.err, acknowledge):
		return a.data, nil
	case errors.As(a.err, &e): // one of a box says that the device was not reached
		return nil, a.err
	case errors.Is(a.err, drivers.ErrOffline):
		return nil, fmt.Errorf("%w: %w", a.err, drivers.ErrUnsure)
	}
	return nil, a.err
}

// maxExchanged is how many registers function code 23 writes. (APS 6.17)
const maxExchanged = 121

// exchangeable says whether what a batch writes is also where it is read back.
func (w *writing) exchangeable() bool {
	if w.table != Holding || w.part || len(w.raw)/2 > maxExchanged || len(w.raw)/2 > w.device.MaxRegisters {
		return false
	}
	for _, c := range w.commands {
		a := at(c.Point)
		if back := a.readBack(); back.Table() != Holding || a.WriteHolding != nil || back.First() != a.First() {
			return false
		}
	}
	return true
}
