package modbus

import (
	"context"
	"errors"
	"time"

	"fieldmq/drivers"
)

// link carries requests to the units of a bus and their answers back. One
// goroutine uses it, as it does the bus.
type link interface {
	// ask puts questions to units and returns an answer to each, in order. It
	// may have several under way at a time, as far as units and link allow.
	// After a silence of a unit what is left for it is not sent and counts as
	// unanswered. An error wraps drivers.ErrBus, or ctx has ended.
	ask(ctx context.Context, questions []question) ([]answer, error)
	// cost is what a read of a unit takes, as far as it is known.
	cost(target) cost
	// width is how many requests it may have under way at a time.
	width() int
	// counts are what happened in the exchanges with a unit so far.
	counts(unit byte) drivers.Counts
	Close() error
}

// target is a unit and how it wants to be asked.
type target struct {
	unit       byte
	timeout    time.Duration // from the end of a request to the beginning of its answer
	pause      time.Duration // before each request
	unitPause  time.Duration // before a request, when another unit was asked last
	turnaround time.Duration // that is expected; zero: unknown
	inFlight   int           // requests at a time; zero: one

	registers, bits int // that a read may be widened to; zero: it must ask for what is wanted and no more
}

// question is one request to a unit.
type question struct {
	to      target
	request *pdu
	device  *Device // nil: nobody's that is configured
}

// question is a request to the device.
func (d *Device) question(request *pdu) question { return question{d.target(), request, d} }

// answer is what came of one request.
type answer struct {
	data []byte // behind the function code; belongs to the receiver
	at   time.Time
	err  error // an Exception, unheard, or drivers.ErrOffline
}

// count adds what became of a request.
func count(c *drivers.Counts, err error) {
	var e Exception
	switch {
	case err == nil:
		c.Answers++
	case errors.As(err, &e):
		c.Exceptions++
	case errors.Is(err, damaged):
		c.Damaged++
	default:
		c.Silences++
	}
}

// to is the device as a link asks it.
func (d *Device) target() target {
	to := target{
		unit:       byte(d.Unit),
		timeout:    d.Timeout.D(),
		pause:      d.Pause.D(),
		unitPause:  d.UnitPause.D(),
		turnaround: d.Turnaround.D(),
		inFlight:   d.InFlight,
	}
	if len(d.Holes) == 0 {
		to.registers, to.bits = d.MaxRegisters, d.MaxCoils
	}
	return to
}
