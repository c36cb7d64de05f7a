package modbus

import (
	"errors"
	"slices"
	"time"

	"github.com/goburrow/modbus"
)

// lateness is how long after its request an answer may still come.
const lateness = 10 * time.Second

// late are the answers of a unit that may still come, in the order of their
// requests. RTU has no number that would tie an answer to its request, so that
// a late one looks like the answer to the next request of its kind.
type late []expected

type expected struct {
	function byte
	length   int
	until    time.Time
}

// expects says whether an answer to an earlier request would look like one to
// this request.
func (l late) expects(request *pdu) bool {
	now := time.Now()
	return slices.ContainsFunc(l, func(e expected) bool {
		return e.function == request.FunctionCode && e.length == answerLen(request) && now.Before(e.until)
	})
}

// note keeps in mind what became of a request. An answer settles nothing but
// itself: devices answer in order, but what is between may keep one back. An
// exception may be that to an earlier request, so it settles the first. That a
// late answer has come is no proof either: it may have been the echo of another.
func (l *late) note(request *pdu, failure, interrupted error, wait time.Duration) {
	var e Exception
	declined := errors.As(failure, &e)
	now := time.Now()
	*l = slices.DeleteFunc(*l, func(e expected) bool { return now.After(e.until) })
	switch {
	case interrupted == nil && (failure == nil || declined && len(*l) == 0):
		return
	case declined:
		*l = slices.Delete(*l, 0, 1)
	}
	l.expect(request, wait)
}

// settle forgets answers that would look like one to a request: all of them have
// come, or never will.
func (l *late) settle(request *pdu) {
	*l = slices.DeleteFunc(*l, func(e expected) bool {
		return e.function == request.FunctionCode && e.length == answerLen(request)
	})
}

// wider is a read of some more at the same place, whose answer looks like none
// that may still come; nil if the device does not give so much.
func (l late) wider(request *pdu, to target) *pdu {
	table, step, most := Table(0), 1, to.registers
	switch request.FunctionCode {
	case modbus.FuncCodeReadCoils:
		table, step, most = Coil, 8, to.bits
	case modbus.FuncCodeReadDiscreteInputs:
		table, step, most = Discrete, 8, to.bits
	case modbus.FuncCodeReadInputRegisters:
		table = Input
	case modbus.FuncCodeReadHoldingRegisters:
		table = Holding
	}
	first := address(request)
	for n := quantity(request) + step; n <= min(most, registers-first); n += step {
		const alike = 5 // the length of a request, which another master may send
		if wide := readRequest(table, first, n); answerLen(wide) != alike && !l.expects(wide) {
			return wide
		}
	}
	return nil
}

// expect keeps in mind that an answer to a request may come, ours or someone
// else's.
func (l *late) expect(request *pdu, wait time.Duration) {
	*l = append(*l, expected{request.FunctionCode, answerLen(request), time.Now().Add(wait)})
	if len(*l) > mostExpected {
		*l = slices.Delete(*l, 0, 1)
	}
}

// mostExpected bounds what is kept in mind: fewer lengths than guards have.
const mostExpected = 64

// guard is a harmless read near the place of a request, whose answer looks
// like none that may still come; nil if there is no such length left.
func (l late) guard(request *pdu) *pdu {
	table, step := Holding, 1
	switch request.FunctionCode {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeWriteSingleCoil, modbus.FuncCodeWriteMultipleCoils:
		table, step = Coil, 8
	case modbus.FuncCodeReadDiscreteInputs:
		table, step = Discrete, 8
	case modbus.FuncCodeReadInputRegisters:
		table = Input
	}
	for n := step; n <= step*maxReadRegisters; n += step {
		g := readRequest(table, min(address(request), registers-n), n)
		same := g.FunctionCode == request.FunctionCode && answerLen(g) == answerLen(request)
		if !same && !l.expects(g) {
			return g
		}
	}
	return nil
}
