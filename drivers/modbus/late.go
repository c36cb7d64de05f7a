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

// note keeps in mind what became of a request. A unit answers in order: with
// the answer all before it are settled. An exception may be that to an earlier
// request, so it settles only the first.
func (l *late) note(request *pdu, failure, interrupted error, wait time.Duration) {
	var e Exception
	declined := errors.As(failure, &e)
	switch {
	case interrupted == nil && (failure == nil || declined && len(*l) == 0):
		*l = (*l)[:0]
		return
	case declined:
		*l = slices.Delete(*l, 0, 1)
	}
	now := time.Now()
	*l = slices.DeleteFunc(*l, func(e expected) bool { return now.After(e.until) })
	*l = append(*l, expected{request.FunctionCode, answerLen(request), now.Add(wait)})
}

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
