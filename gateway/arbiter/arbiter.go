// Package arbiter lets other masters reach a Modbus bus that the gateway polls:
// a SCADA system, a PLC, a tool on a laptop. A serial line has room for one master
// only; the others ask the arbiter, over Modbus TCP or on a serial line of their
// own, and it puts their requests between the gateway's reads.
//
// It obeys the "MODBUS Messaging on TCP/IP Implementation Guide V1.0b" (MTCP),
// "MODBUS over Serial Line V1.02" (MSL) and the exception codes of the "MODBUS
// Application Protocol Specification V1.1b3" (APS).
package arbiter

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// Loop is what the arbiter needs of the owner of the bus.
type Loop interface {
	// Exchange lends the bus for one exchange; see poll.Loop.
	Exchange(ctx context.Context, do func(context.Context, drivers.Bus) error) error
}

// requester is a bus that carries requests of others.
type requester interface {
	Request(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error)
	Observe(func(modbus.Exchange))
}

// Arbiter serves one bus.
type Arbiter struct {
	doors   []Config
	loop    Loop
	timeout func(unit byte) time.Duration
	image   *image
	log     *slog.Logger
}

// New makes an arbiter with doors to a bus, whose loop calls Opened. timeout is
// how long a unit may take to begin its answer.
func New(doors []Config, loop Loop, timeout func(unit byte) time.Duration, log *slog.Logger) *Arbiter {
	return &Arbiter{doors: doors, loop: loop, timeout: timeout, image: newImage(), log: log}
}

// Watch has the arbiter learn of all that is asked on a bus. It is called when
// the bus was opened, by its owner.
func (a *Arbiter) Watch(bus drivers.Bus) {
	if b, ok := bus.(requester); ok {
		b.Observe(a.image.note)
	}
}

// Run serves until ctx ends. A door that cannot be opened is tried again: the
// gateway's own work does not depend on it.
func (a *Arbiter) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range a.doors {
		d := &door{Arbiter: a, Config: &a.doors[i], log: a.log.With("serve", a.doors[i].Where())}
		group.Go(func() error { return d.run(ctx) })
	}
	return group.Wait()
}

// answer is the PDU that answers the PDU of a request, whoever gives it: the
// rules, what was read a moment ago, or the device.
func (d *door) answer(ctx context.Context, from netip.Addr, unit byte, pdu []byte) []byte {
	q, err := frame.Parse(pdu)
	if err == nil {
		err = d.judge(from, unit, q)
	}
	if err == nil && unit == 0 && q.Write.Count == 0 {
		err = frame.IllegalFunction // nobody answers a broadcast
	}
	var data []byte
	if err == nil {
		data, err = d.fetch(ctx, unit, q)
	}
	d.log.Debug("exchange", "from", from, "unit", unit, "function", q.Function, "error", err)
	if err != nil {
		return []byte{q.Function | frame.Failed, byte(exception(err))}
	}
	return answerPDU(q, data)
}

// answerPDU puts an answer's byte count back before its data.
func answerPDU(q frame.Request, data []byte) []byte {
	switch {
	case data == nil && q.Write.Count > 0: // a broadcast, or a device that is at work on it
		return append([]byte{q.Function}, q.Data[:min(len(q.Data), echoed(q.Function))]...)
	case q.Read.Count > 0 || q.Function == frame.ServerID:
		return append([]byte{q.Function, byte(len(data))}, data...)
	}
	return append([]byte{q.Function}, data...)
}

// echoed is how much of the data of a request that writes its answer repeats.
func echoed(function byte) int {
	if function == frame.MaskWrite {
		return 6
	}
	return 4
}

// fetch has a request answered from memory or by the device.
func (d *door) fetch(ctx context.Context, unit byte, q frame.Request) ([]byte, error) {
	if q.Write.Count == 0 {
		if data, ok := d.image.answer(unit, q.Read, d.MaxAge.D()); ok {
			return data, nil
		}
	}
	if d.image.resting(unit) {
		return nil, noAnswer
	}
	waiting, cancel := context.WithTimeout(ctx, d.Wait.D())
	defer cancel()
	var data []byte
	lent := false
	err := d.loop.Exchange(waiting, func(owner context.Context, bus drivers.Bus) error {
		lent = true
		b, ok := bus.(requester)
		if !ok {
			return failure
		}
		began := time.Now()
		var err error
		data, err = b.Request(owner, unit, q.Function, q.Data, d.timeout(unit))
		if unit != 0 && !heard(err) && !errors.Is(err, drivers.ErrBus) {
			d.image.silent(unit, time.Since(began))
		}
		return err
	})
	if !lent && errors.Is(err, drivers.ErrOffline) {
		return nil, unreachable
	}
	return data, err
}

// heard says whether a unit has answered, if only to decline, or not to be understood.
func heard(err error) bool {
	return err == nil || errors.Is(err, drivers.ErrRefused) || errors.Is(err, modbus.ErrDamaged)
}

// exception is how an error is told to a master.
func exception(err error) modbus.Exception {
	var e modbus.Exception
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return busy
	case errors.Is(err, drivers.ErrBus):
		return unreachable
	case errors.Is(err, drivers.ErrOffline):
		return noAnswer
	}
	return failure
}

// Timeouts are how long the units of a bus may take to begin their answers: as
// its devices have it, else as the bus has it.
func Timeouts(settings drivers.Settings, points []*drivers.Point) func(unit byte) time.Duration {
	longest := map[byte]time.Duration{}
	for _, p := range points {
		if at, ok := p.At.(*modbus.Address); ok {
			longest[at.Unit()] = max(longest[at.Unit()], at.Timeout())
		}
	}
	all := time.Second
	if d, ok := settings.Device().(*modbus.Device); ok {
		all = d.Timeout.D()
	}
	return func(unit byte) time.Duration {
		if t, ok := longest[unit]; ok {
			return t
		}
		return all
	}
}
