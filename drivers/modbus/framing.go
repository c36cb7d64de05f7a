package modbus

import (
	"time"

	"github.com/goburrow/modbus"
)

// framing is how PDUs are packed for a line that knows no packets, and found
// again among its bytes.
type framing interface {
	// packer packs and unpacks for one unit, and is never shared: it holds the
	// unit id.
	packer(unit byte) modbus.Packager
	// chars is how many characters a frame has whose PDU has n bytes.
	chars(n int) int
	// find looks for the answer to a request among received bytes, at any
	// place: what lies before it is skipped.
	find(received []byte, unit byte, request *pdu, packer modbus.Packager) found
	// asked says whether bytes end with a read that someone asks a unit for, so
	// that its answer is to be expected.
	asked(received []byte, packer modbus.Packager) bool
	// longest is the length of the longest frame in characters.
	longest() int
	// settled is the quiet in the middle of an answer after which it is given up.
	settled() time.Duration
}

// found is what was found among the bytes of a line.
type found struct {
	frame
	ok      bool // the answer is there
	begun   bool // the unit has started to answer, so that silence from here on means a damaged answer
	foreign int  // answers to another master
	stale   int  // answers to earlier requests
	theirs  *pdu // what another master has asked and got no answer to so far
}

// frame is an answer that was found among the bytes of a line.
type frame struct {
	answer     *body // its data may lie in the bytes that were searched
	start, end int
}

// rtuFraming is binary, with a CRC. (MSL 2.5.1)
type rtuFraming struct{}

func (rtuFraming) packer(unit byte) modbus.Packager {
	h := modbus.NewRTUClientHandler("") // only its packager is used
	h.SlaveId = unit
	return h
}

func (rtuFraming) chars(n int) int { return n + rtuOverhead }

func (rtuFraming) asked(received []byte, packer modbus.Packager) bool {
	const length = minRequest + rtuOverhead
	if len(received) < length {
		return false
	}
	tail := received[len(received)-length:]
	if tail[0] == 0 || !isRead(tail[1]) {
		return false
	}
	_, err := packer.Decode(tail) // checks the CRC
	return err == nil
}

func (rtuFraming) longest() int { return rtuLongest }

func (rtuFraming) settled() time.Duration { return 50 * time.Millisecond }

func (rtuFraming) find(received []byte, unit byte, request *pdu, packer modbus.Packager) found {
	return find(received, unit, request, packer)
}
