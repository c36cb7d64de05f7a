package modbus

import (
	"context"
	"errors"
	"time"

	"github.com/goburrow/modbus"

	"fieldmq/drivers"
)

// serialLine is what the RTU link needs of a line.Line.
type serialLine interface {
	Read([]byte) (int, error) // 0, nil at its time-out
	Write([]byte) (int, error)
	SetReadTimeout(time.Duration)
	Close() error
}

const (
	// settled is the quiet after which a damaged answer is given up.
	settled = 50 * time.Millisecond
	// glance is the longest wait that does not look at the context.
	glance = 50 * time.Millisecond
	// broadcastDelay is the turnaround delay of MSL 2.4.1: what the units get
	// to do as they were told, because nobody answers.
	broadcastDelay = 100 * time.Millisecond
	// early is how long before the answer can be complete the line is read;
	// until then the bytes pile up in the kernel.
	early = 2 * time.Millisecond
)

// rtu is a link over a serial line: one exchange at a time.
type rtu struct {
	line    serialLine
	char    time.Duration // of one character on the wire
	silence time.Duration // between frames
	last    time.Time     // of the last byte on the wire, either way
	units   map[byte]*rtuUnit
	pace    pacing
	echo    echo
	buf     []byte // what is received in an exchange
}

// rtuUnit is what the link knows of a unit.
type rtuUnit struct {
	packager   modbus.Packager // never shared: it holds the unit id
	turnaround time.Duration   // from the end of a request to the answer
	late       late
}

// echo says whether the adapter hears its own requests.
type echo uint8

const (
	echoUnknown echo = iota
	echoAbsent
	echoPresent
)

func newRTU(l serialLine, s *RTUSettings) *rtu {
	return &rtu{
		line:    l,
		char:    s.Char(),
		silence: max(betweenFrames(s.Char(), s.Baud), s.Pause.D()),
		last:    time.Now(), // for all we know
		units:   make(map[byte]*rtuUnit),
		buf:     make([]byte, 0, 2*rtuLongest),
	}
}

// betweenFrames is the silence that separates frames: 3.5 characters, but a
// fixed time on fast lines. (MSL 2.5.1.1)
func betweenFrames(char time.Duration, baud int) time.Duration {
	if baud > 19200 {
		return 1750 * time.Microsecond
	}
	return 7 * char / 2
}

func (r *rtu) Close() error { return r.line.Close() }

// unknownTurnaround is what is planned with before a unit has answered.
const unknownTurnaround = 5 * time.Millisecond

// cost: a read of N registers takes 8 characters, the unit's turnaround, 5+2N
// characters and the silence behind.
func (r *rtu) cost(unit byte) cost {
	turnaround := unknownTurnaround
	if u := r.units[unit]; u != nil && u.turnaround > 0 {
		turnaround = u.turnaround
	}
	return cost{
		request: 13*r.char + max(turnaround, r.silence) + r.silence,
		byte:    r.char,
		frame:   rtuOverhead,
	}
}

func (r *rtu) unit(id byte) *rtuUnit {
	u := r.units[id]
	if u == nil {
		h := modbus.NewRTUClientHandler("") // only its packager is used
		h.SlaveId = id
		u = &rtuUnit{packager: h}
		r.units[id] = u
	}
	return u
}

func (r *rtu) ask(ctx context.Context, unit byte, timeout time.Duration, requests []*pdu) ([]answer, error) {
	answers := make([]answer, len(requests))
	var silence error
	for i, request := range requests {
		if silence != nil {
			answers[i] = answer{at: time.Now(), err: silence}
			continue
		}
		a, err := r.fetch(ctx, unit, timeout, request)
		if err != nil {
			return nil, err
		}
		if answers[i] = a; silent(a.err) {
			silence = a.err
		}
	}
	return answers, nil
}

// fetch is one request and its answer. A read whose answer was damaged is
// repeated once; a write is not, because it may have been obeyed.
func (r *rtu) fetch(ctx context.Context, unit byte, timeout time.Duration, request *pdu) (answer, error) {
	a, err := r.guarded(ctx, unit, timeout, request)
	if err == nil && a.err == damaged && reads(request) {
		return r.guarded(ctx, unit, timeout, request)
	}
	return a, err
}

// guarded makes sure that what comes back can be the answer to nothing else. A
// late answer to an earlier request has come, or never will, once the unit has
// answered something of another length. And an adapter that hears itself must
// be known before a write that is answered by its own repetition.
func (r *rtu) guarded(ctx context.Context, unit byte, timeout time.Duration, request *pdu) (answer, error) {
	u := r.unit(unit)
	waits := u.late.expects(request)
	if unit == 0 || !waits && (r.echo != echoUnknown || !echoes(request)) {
		return r.once(ctx, unit, timeout, request)
	}
	guard := u.late.guard(request)
	if guard == nil { // after so many silences one more is no news
		return answer{at: time.Now(), err: drivers.ErrOffline}, nil
	}
	a, err := r.once(ctx, unit, timeout, guard)
	if err != nil || waits && errors.Is(a.err, drivers.ErrOffline) {
		return a, err
	}
	return r.once(ctx, unit, timeout, request)
}

// once puts a request on the line and waits for its answer.
func (r *rtu) once(ctx context.Context, unit byte, timeout time.Duration, request *pdu) (answer, error) {
	u := r.unit(unit)
	adu, err := u.packager.Encode(request)
	if err != nil {
		return answer{at: time.Now(), err: err}, nil
	}
	if quiet, err := r.settle(ctx, timeout); err != nil || !quiet {
		return answer{at: time.Now(), err: babbling}, err
	}
	x := &exchange{rtu: r, unit: unit, request: request, adu: adu, sent: time.Now()}
	if _, err := r.line.Write(adu); err != nil {
		return answer{}, err
	}
	r.last = x.sent.Add(r.chars(len(adu)))
	if unit == 0 {
		return answer{at: r.last}, sleep(ctx, time.Until(r.last)+broadcastDelay)
	}
	a, err := x.receive(ctx, timeout)
	u.late.note(request, a.err, err, max(lateness, 4*timeout))
	return a, err
}

func (r *rtu) chars(n int) time.Duration { return time.Duration(n) * r.char }

// settle waits until the line has been silent for as long as separates two
// frames, and throws away what comes meanwhile. It gives up on a line that is
// never quiet. Waiting in a read is precise, where timers are not.
func (r *rtu) settle(ctx context.Context, timeout time.Duration) (quiet bool, err error) {
	giveUp := time.Now().Add(timeout + r.chars(rtuLongest))
	for time.Now().Before(giveUp) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		r.line.SetReadTimeout(min(time.Until(r.last.Add(r.silence)), glance))
		n, err := r.line.Read(r.buf[:cap(r.buf)])
		if err != nil {
			return false, err
		}
		now := time.Now()
		if n > 0 {
			r.last = now
		} else if !now.Before(r.last.Add(r.silence)) {
			return true, nil
		}
	}
	return false, nil
}
