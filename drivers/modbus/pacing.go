package modbus

import "time"

// pacing learns whether the line takes the time that its baud rate says. Then
// an answer that is complete before the line can have carried it is a late one
// to an earlier request. Pseudo terminals, USB devices that only look like a
// serial port, and ports over a network take no such time.
type pacing struct {
	timely int  // answers in a row that took their time
	loose  bool // the line carries faster than it says
}

// convincing is the number of timely answers that show how the line works.
const convincing = 16

// tolerance is what the clocks of two ends may differ over a time.
func tolerance(d time.Duration) time.Duration { return d / 20 }

// allows says whether an answer at this time is one to the request that was
// sent. clean is false while late answers are expected.
func (p *pacing) allows(at, carried, sent time.Time, clean bool) bool {
	switch {
	case p.loose:
		return true
	case !at.Before(carried.Add(-tolerance(carried.Sub(sent)))):
		p.timely++
		return true
	case p.timely >= convincing:
		return false
	case clean:
		p.loose = true
	}
	return true
}

// refute ends the belief in a line's pace: an answer was refused as too early,
// and no other came.
func (p *pacing) refute() { p.loose = true }
