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
	*stream
	question
	adu  []byte
	sent time.Time

	begun    bool // the unit has started to answer
	rest     int  // where what follows the answer begins
	refused  bool // an answer came before the line could have carried it
	stale    int  // answers to earlier requests that were counted
	foreign  int  // answers to another master that were counted
	echoSeen bool // and skipped
}

// receive waits for the answer. The time-out runs from the end of the request
// to the beginning of the answer.
func (x *exchange) receive(ctx context.Context) (answer, error) {
	carried := x.carried(x.framing.chars(answerLen(x.request)))
	if !x.remote {
		wake := carried.Add(-tolerance(carried.Sub(x.sent)) - early)
		if err := sleep(ctx, time.Until(wake)); err != nil {
			return answer{}, err
		}
	}
	deadline := carried.Add(x.to.timeout)
	for {
		if err := ctx.Err(); err != nil {
			return answer{}, err
		}
		until := deadline
		if x.begun {
			until = earlier(deadline, x.last.Add(x.patience()))
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

// patience is the quiet after which an answer that has begun is given up. One of
// which enough bytes have come is not going to be whole.
func (x *exchange) patience() time.Duration {
	settled := x.framing.settled()
	if !x.remote && len(x.buf) >= x.framing.chars(answerLen(x.request)) {
		settled = complete
	}
	return max(settled, x.silence)
}

// carried is when the line can have carried the request and n characters.
func (x *exchange) carried(n int) time.Time { return x.sent.Add(x.wire(len(x.adu) + n)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// read appends what comes, or nothing.
func (x *exchange) read(wait time.Duration) error {
	if len(x.buf) >= cap(x.buf)-1 {
		x.foreign, x.stale = 0, 0
	}
	_, err := x.hear(wait)
	return err
}

// find looks for the answer in what has come so far.
func (x *exchange) find() (frame, bool) {
	u := x.unit(x.to.unit)
	x.skipEcho()
	for {
		f := x.framing.find(x.buf, x.to.unit, x.request, u.packer)
		x.begun = f.begun
		u.counts.Foreign += uint64(max(f.foreign-x.foreign, 0))
		x.foreign = f.foreign
		u.counts.Late += uint64(max(f.stale-x.stale, 0))
		x.stale = f.stale
		if !f.ok {
			return frame{}, false
		}
		if x.pace.allows(x.last, x.carried(f.end-f.start), x.sent, len(u.late) == 0) {
			x.rest = f.end
			return f.frame, true
		}
		x.refused = true
		u.counts.Late++
		x.buf = slices.Delete(x.buf, 0, f.end)
	}
}

// skipEcho takes our own request away, if the adapter hears itself. Where the
// answer repeats the request, only an adapter that is known to do so does.
func (x *exchange) skipEcho() {
	if x.echo == echoAbsent || x.echoSeen || !bytes.HasPrefix(x.buf, x.adu) {
		return
	}
	if x.echo == echoUnknown && echoes(x.request) {
		return
	}
	x.echo, x.echoSeen = echoPresent, true
	x.buf = slices.Delete(x.buf, 0, len(x.adu))
}

// end makes the answer of a frame, and learns from it.
func (x *exchange) end(f frame) answer {
	u := x.unit(x.to.unit)
	x.learnEcho()
	u.turnaround = usual(u.turnaround, max(x.last.Sub(x.carried(f.end-f.start)), 1))
	return newAnswer(x.request, f.answer, x.last)
}

// without is the answer that did not come.
func (x *exchange) without() answer {
	x.learnEcho()
	if x.refused {
		x.pace.refute()
	}
	if x.begun {
		return answer{at: time.Now(), err: damaged}
	}
	return answer{at: time.Now(), err: drivers.ErrOffline}
}

func (x *exchange) learnEcho() {
	if x.echo == echoUnknown && !echoes(x.request) {
		x.echo = echoAbsent
	}
}
