package modbus

import (
	"bytes"
	"context"
	"slices"
	"time"

	"fieldmq/drivers"
)

// exchange is one request on the line, and the wait for its answer.
type exchange struct {
	rtu     *rtu
	unit    byte
	request *pdu
	adu     []byte
	sent    time.Time

	begun    bool // the unit has started to answer
	refused  bool // an answer came before the line could have carried it
	echoSeen bool // and skipped
}

// receive waits for the answer. The time-out runs from the end of the request
// to the beginning of the answer.
func (x *exchange) receive(ctx context.Context, timeout time.Duration) (answer, error) {
	r := x.rtu
	r.buf = r.buf[:0]
	carried := x.carried(answerLen(x.request) + rtuOverhead)
	wake := carried.Add(-tolerance(carried.Sub(x.sent)) - early)
	if err := sleep(ctx, time.Until(wake)); err != nil {
		return answer{}, err
	}
	deadline := carried.Add(timeout)
	for {
		if err := ctx.Err(); err != nil {
			return answer{}, err
		}
		until := deadline
		if x.begun {
			until = earlier(deadline, r.last.Add(max(settled, r.silence)))
		}
		wait := time.Until(until)
		if wait <= 0 {
			return x.without(), nil
		}
		if err := x.read(min(wait, glance)); err != nil {
			return answer{}, err
		}
		if f, ok := x.find(); ok {
			return x.end(f), nil
		}
	}
}

// carried is when the line can have carried the request and n characters.
func (x *exchange) carried(n int) time.Time { return x.sent.Add(x.rtu.chars(len(x.adu) + n)) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// read appends what comes, or nothing. Of a line that babbles only the last
// bytes are kept, in which an answer still has its place.
func (x *exchange) read(wait time.Duration) error {
	r := x.rtu
	if len(r.buf) >= cap(r.buf)-1 {
		r.buf = append(r.buf[:0], r.buf[len(r.buf)-rtuLongest:]...)
	}
	r.line.SetReadTimeout(wait)
	n, err := r.line.Read(r.buf[len(r.buf):cap(r.buf)])
	if err != nil {
		return err
	}
	if n > 0 {
		r.last = time.Now()
		r.buf = r.buf[:len(r.buf)+n]
	}
	return nil
}

// find looks for the answer in what has come so far.
func (x *exchange) find() (frame, bool) {
	r := x.rtu
	x.skipEcho()
	for {
		f, begun, ok := find(r.buf, x.unit, x.request, r.unit(x.unit).packager)
		x.begun = begun
		if !ok {
			return frame{}, false
		}
		clean := len(r.unit(x.unit).late) == 0
		if r.pace.allows(r.last, x.carried(f.end-f.start), x.sent, clean) {
			return f, true
		}
		x.refused = true
		r.buf = slices.Delete(r.buf, 0, f.end)
	}
}

// skipEcho takes our own request away, if the adapter hears itself. Where the
// answer repeats the request, only an adapter that is known to do so does.
func (x *exchange) skipEcho() {
	r := x.rtu
	if r.echo == echoAbsent || x.echoSeen || !bytes.HasPrefix(r.buf, x.adu) {
		return
	}
	if r.echo == echoUnknown && echoes(x.request) {
		return
	}
	r.echo, x.echoSeen = echoPresent, true
	r.buf = slices.Delete(r.buf, 0, len(x.adu))
}

// end makes the answer of a frame, and learns from it.
func (x *exchange) end(f frame) answer {
	r, u := x.rtu, x.rtu.unit(x.unit)
	x.learnEcho()
	if took := max(r.last.Sub(x.carried(f.end-f.start)), 1); u.turnaround == 0 || took < u.turnaround {
		u.turnaround = took
	} else {
		u.turnaround += (took - u.turnaround) / 16 // a low quantile, not a mean
	}
	return newAnswer(x.request, f.answer, r.last)
}

// without is the answer that did not come.
func (x *exchange) without() answer {
	x.learnEcho()
	if x.refused {
		x.rtu.pace.refute()
	}
	if x.begun {
		return answer{at: time.Now(), err: damaged}
	}
	return answer{at: time.Now(), err: drivers.ErrOffline}
}

func (x *exchange) learnEcho() {
	if x.rtu.echo == echoUnknown && !echoes(x.request) {
		x.rtu.echo = echoAbsent
	}
}
