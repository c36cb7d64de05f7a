package modbus

import (
	"bytes"

	"github.com/goburrow/modbus"
)

// Sizes in bytes of RTU frames. (MSL 2.5.1)
const (
	rtuOverhead = 3 // unit id and CRC around a PDU
	rtuLongest  = 256
)

// find looks for the answer to a request among received bytes, at any place:
// noise and foreign frames before it are skipped. Unit, function, length, what
// a write repeats, and the CRC must be right. Another master on the line that
// asks the same unit is recognized by its request: the answer to that is not
// ours.
func find(received []byte, unit byte, request *pdu, packer modbus.Packager) found {
	var f found
	for i := 0; i+2 < len(received); i++ {
		if received[i] != unit {
			continue
		}
		n := frameLen(request, received[i+1:])
		if n == 0 {
			continue
		}
		if asked := askedFor(received[i:], request, packer); asked != nil {
			f.theirs = nil // we hear ourselves
			if !bytes.Equal(asked.Data, request.Data) {
				f.theirs = &pdu{body: *asked}
			}
			i += len(asked.Data) + 1 + rtuOverhead - 1
			continue
		}
		if i+n > len(received) {
			f.begun = f.begun || n <= answerLen(request)+rtuOverhead
			continue // incomplete, or noise that looks like a beginning
		}
		answer, err := packer.Decode(received[i : i+n]) // checks the CRC
		switch {
		case err != nil:
			f.begun = true
		case f.theirs != nil:
			f.theirs = nil
			f.foreign++
			i += n - 1
		case answers(request, answer):
			f.frame, f.ok, f.begun = frame{answer, i, i + n}, true, true
			return f
		default:
			f.stale++
			i += n - 1
		}
	}
	return f
}

// askedFor is the request for a read that bytes begin with, nil if there is
// none. What may as well be the answer that we wait for is none.
func askedFor(received []byte, request *pdu, packer modbus.Packager) *body {
	const length = 5 + rtuOverhead
	if !reads(request) || len(received) < length || received[1] != request.FunctionCode {
		return nil
	}
	const alike = 5 // bytes, of which the answer has the count where a request has its address
	if answerLen(request) == alike && int(received[2]) == alike-counter {
		return nil
	}
	asked, err := packer.Decode(received[:length])
	if err != nil || !possible(asked) {
		return nil
	}
	return asked
}

// possible says whether a request asks for as many values as one may. The CRC
// does not tell: an answer with one register and a zero behind it, as lines have
// when their driver lets go, has the length and the CRC of a request.
func possible(asked *body) bool {
	n, most := int(asked.Data[2])<<8|int(asked.Data[3]), maxReadRegisters
	if asked.FunctionCode <= modbus.FuncCodeReadDiscreteInputs {
		most = maxReadCoils
	}
	return 0 < n && n <= most
}

// frameLen is the length of a frame that goes on with these bytes behind its
// unit id, as it says itself; 0 if it is of another function than the request.
func frameLen(request *pdu, rest []byte) int {
	switch function := rest[0]; {
	case function == request.FunctionCode|failed:
		return 2 + rtuOverhead
	case function != request.FunctionCode:
		return 0
	case function == encapsulated && request.shape == nil:
		if n := identityLen(rest); n > 0 {
			return n + rtuOverhead
		}
		return 0
	case counted(request):
		return 2 + int(rest[1]) + rtuOverhead
	}
	return answerLen(request) + rtuOverhead
}
