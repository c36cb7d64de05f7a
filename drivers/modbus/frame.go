package modbus

import "github.com/goburrow/modbus"

// Sizes in bytes of RTU frames. (MSL 2.5.1)
const (
	rtuOverhead = 3 // unit id and CRC around a PDU
	rtuLongest  = 256
)

// frame is an answer that was found among the bytes of a line.
type frame struct {
	answer     *pdu // its data lies in the bytes that were searched
	start, end int
}

// find looks for the answer to a request among received bytes, at any place:
// noise and foreign frames before it are skipped. Unit, function, length, what
// a write repeats, and the CRC must be right. begun says that the unit has
// started to answer, so that silence from here on means a damaged answer.
func find(received []byte, unit byte, request *pdu, packager modbus.Packager) (f frame, begun, ok bool) {
	for i := 0; i+2 < len(received); i++ {
		if received[i] != unit {
			continue
		}
		n := frameLen(request, received[i+1:])
		if n == 0 {
			continue
		}
		if i+n > len(received) {
			begun = begun || n <= answerLen(request)+rtuOverhead
			continue // incomplete, or noise that looks like a beginning
		}
		answer, err := packager.Decode(received[i : i+n]) // checks the CRC
		switch {
		case err != nil:
			begun = true
		case answers(request, answer):
			return frame{answer, i, i + n}, true, true
		default:
			i += n - 1 // a late answer to another request
		}
	}
	return frame{}, begun, false
}

// frameLen is the length of a frame that goes on with these bytes behind its
// unit id, as it says itself; 0 if it is of another function than the request.
func frameLen(request *pdu, rest []byte) int {
	switch function := rest[0]; {
	case function == request.FunctionCode|failed:
		return 2 + rtuOverhead
	case function != request.FunctionCode:
		return 0
	case function == encapsulated:
		if n := identityLen(rest); n > 0 {
			return n + rtuOverhead
		}
		return 0
	case counted(request):
		return 2 + int(rest[1]) + rtuOverhead
	}
	return answerLen(request) + rtuOverhead
}
