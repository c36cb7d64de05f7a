package modbus

import (
	"bytes"
	"time"

	"github.com/goburrow/modbus"
)

// asciiFraming writes each byte as two hexadecimal digits between a colon and
// a line end, with a sum behind them. (MSL 2.5.2)
type asciiFraming struct{}

func (asciiFraming) packer(unit byte) modbus.Packager {
	h := modbus.NewASCIIClientHandler("") // only its packager is used
	h.SlaveId = unit
	return h
}

const (
	asciiOverhead = 7 // colon, unit id, sum and line end around the digits of a PDU
	asciiLongest  = 513
)

func (asciiFraming) chars(n int) int { return 2*n + asciiOverhead }

func (asciiFraming) longest() int { return asciiLongest }

// settled: the characters of a frame may be far apart. MSL allows a second, in
// which no device is known to be that slow.
func (asciiFraming) settled() time.Duration { return 300 * time.Millisecond }

var asciiEnd = []byte("\r\n")

// find looks at each colon for a frame. A colon also ends a frame that lost its
// end.
func (a asciiFraming) find(received []byte, unit byte, request *pdu, packer modbus.Packager) found {
	var f found
	for i, c := range received {
		if c != ':' {
			continue
		}
		rest := received[i:]
		if next := bytes.IndexByte(rest[1:], ':'); next >= 0 {
			rest = rest[:next+1]
		}
		end := bytes.Index(rest, asciiEnd)
		if end < 0 {
			f.begun = f.begun || mine(rest, unit)
			continue
		}
		answer, whole := a.decode(rest[:end+len(asciiEnd)], unit, packer)
		switch {
		case !whole:
			f.begun = f.begun || mine(rest, unit)
		case answer == nil: // another unit's
		case f.theirs != nil && answer.FunctionCode&^failed == request.FunctionCode:
			f.theirs = nil
			f.foreign++
		case answers(request, answer):
			f.frame, f.ok, f.begun = frame{answer, i, i + end + len(asciiEnd)}, true, true
			return f
		case asks(answer, request):
			f.theirs = &pdu{body: *answer}
		default:
			f.stale++
		}
	}
	return f
}

func (a asciiFraming) asked(received []byte, packer modbus.Packager) bool {
	if !bytes.HasSuffix(received, asciiEnd) {
		return false
	}
	frame := received[max(bytes.LastIndexByte(received, ':'), 0):]
	if len(frame) != a.chars(minRequest) {
		return false
	}
	asked, err := packer.Decode(frame) // checks the sum
	return err == nil && isRead(asked.FunctionCode)
}

// decode is the PDU in a frame, nil if it is of another unit; whole says that
// its sum is right.
func (a asciiFraming) decode(frame []byte, unit byte, packer modbus.Packager) (answer *body, whole bool) {
	if len(frame) < a.chars(1) || len(frame)%2 == 0 || len(frame) > asciiLongest {
		return nil, false
	}
	answer, err := packer.Decode(frame) // looks neither at the unit nor at the line end
	if err != nil {
		return nil, false
	}
	if !mine(frame, unit) {
		return nil, true
	}
	return answer, true
}

// mine says whether a frame, or what has come of it, begins with the unit id.
func mine(frame []byte, unit byte) bool {
	return len(frame) >= 3 && nibble(frame[1])<<4|nibble(frame[2]) == int(unit)
}

// nibble is the value of a hexadecimal digit, negative for anything else.
func nibble(digit byte) int {
	switch {
	case '0' <= digit && digit <= '9':
		return int(digit - '0')
	case 'A' <= digit && digit <= 'F':
		return int(digit-'A') + 10
	case 'a' <= digit && digit <= 'f':
		return int(digit-'a') + 10
	}
	return -1 << 16
}

// asks says whether a PDU is the request of another master that would be
// answered as ours is.
func asks(other *body, request *pdu) bool {
	return reads(request) && other.FunctionCode == request.FunctionCode && len(other.Data) == 4 &&
		!bytes.Equal(other.Data, request.Data) // which would be our own, heard by ourselves
}
