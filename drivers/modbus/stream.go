package modbus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/goburrow/modbus"

	"fieldmq/drivers"
)

// byteLine is what a stream needs of a line.Line, or of a connection to a box
// with a line behind it.
type byteLine interface {
	Read([]byte) (int, error) // 0, nil at its time-out
	Write([]byte) (int, error)
	SetReadTimeout(time.Duration)
	Close() error
}

// reviver is a byteLine whose peer may end it at any time and be reached anew.
type reviver interface {
	// revive makes sure that there is a connection, and says whether it is a new
	// one. An error that reads as drivers.ErrOffline says that there is none for now.
	revive(context.Context) (anew bool, err error)
}

const (
	// glance is the longest wait that does not look at the context.
	glance = 50 * time.Millisecond
	// broadcastDelay is the turnaround delay of MSL 2.4.1: what the units get
	// to do as they were told, because nobody answers.
	broadcastDelay = 100 * time.Millisecond
	// called is how long a request that was called off keeps the line: the unit
	// may still be about to answer.
	called = 50 * time.Millisecond
	// early is how long before the answer can be complete the line is read;
	// until then the bytes pile up in the kernel.
	early = 2 * time.Millisecond
	// complete is the quiet behind as many bytes as an answer has, which are none.
	complete = 5 * time.Millisecond
	// yields is how long the answer to another master is waited for.
	yields = 150 * time.Millisecond
	// mostAwake bounds how long before its time a request waits awake.
	mostAwake = 100 * time.Microsecond
)

// stream is a link over a line that knows no packets and no numbers of them:
// one exchange at a time, framed as RTU or as ASCII.
type stream struct {
	line    byteLine
	framing framing
	tempo
	pause time.Duration // after a new connection
	ready time.Time     // when it may be used
	last  time.Time     // of the last byte on the wire, either way
	asked byte          // the unit that was asked last
	units map[byte]*streamUnit
	pace  pacing
	echo  echo
	buf   []byte // what is received in an exchange

	oversleep time.Duration // how much longer a wait takes than it should, as a rule
}

// tempo is how fast a line carries.
type tempo struct {
	char    time.Duration // of one character on the wire
	silence time.Duration // between frames
	remote  bool          // the wire is behind a network, whose delays hide its pace
}

// streamUnit is what the link knows of a unit.
type streamUnit struct {
	packer     modbus.Packager // never shared: it holds the unit id
	turnaround time.Duration   // from the end of a request to the answer
	late       late
	narrow     bool // it does not give more than is wanted
	counts     drivers.Counts
}

// echo says whether the adapter hears its own requests.
type echo uint8

const (
	echoUnknown echo = iota
	echoAbsent
	echoPresent
)

// newStream makes a link over a line that is open.
func newStream(l byteLine, f framing, t tempo) *stream {
	return &stream{
		line:    l,
		framing: f,
		tempo:   t,
		last:    time.Now(), // for all we know
		units:   make(map[byte]*streamUnit),
		pace:    pacing{loose: t.remote},
		buf:     make([]byte, 0, 2*f.longest()),
	}
}

// known is what outlives a link, so that a bus which was lost and opened again
// takes no answer that comes from before for one to a request of now.
type known struct{ units map[byte]*streamUnit }

// recalls gives a link what the one before has learned, which is closed.
func (r *stream) recalls(k *known) *stream {
	if k.units == nil {
		k.units = r.units
	}
	r.units = k.units
	for _, u := range r.units {
		u.counts = drivers.Counts{}
	}
	return r
}

// newRTU makes a link over a serial line.
func newRTU(l byteLine, s *RTUSettings) *stream {
	r := newStream(l, rtuFraming{}, tempo{char: s.Char(), silence: betweenFrames(s.Char(), s.Baud)})
	r.pause = s.ConnectPause.D()
	r.opened()
	return r
}

// newASCII makes a link over a serial line. A colon begins each frame, so no
// silence would have to; but only a silence shows that a device which answers
// twice has ended.
func newASCII(l byteLine, s *ASCIISettings) *stream {
	r := newStream(l, asciiFraming{}, tempo{char: s.Char(), silence: betweenFrames(s.Char(), s.Baud)})
	r.pause = s.ConnectPause.D()
	r.opened()
	return r
}

// opened begins the pause after which the line may be used.
func (r *stream) opened() { r.ready = time.Now().Add(r.pause) }

// revive makes sure that there is a connection, where there are any.
func (r *stream) revive(ctx context.Context) error {
	line, ok := r.line.(reviver)
	if !ok {
		return nil
	}
	anew, err := line.revive(ctx)
	if anew {
		r.opened()
	}
	return err
}

// betweenFrames is the silence that separates frames: 3.5 characters, but a
// fixed time on fast lines. (MSL 2.5.1.1)
func betweenFrames(char time.Duration, baud int) time.Duration {
	if baud > 19200 {
		return 1750 * time.Microsecond
	}
	return 7 * char / 2
}

func (r *stream) Close() error { return r.line.Close() }

// minRequest is the length of the shortest PDU that asks for values.
const minRequest = 5

// unknownTurnaround is what is planned with before a unit has answered.
const unknownTurnaround = 5 * time.Millisecond

// cost: a read of N registers takes 8 characters, the unit's turnaround, 5+2N
// characters and the silence behind; ASCII takes twice as many and a few.
func (r *stream) cost(to target) cost {
	turnaround := unknownTurnaround
	if to.turnaround > 0 {
		turnaround = to.turnaround
	}
	if u := r.units[to.unit]; u != nil && u.turnaround > 0 {
		turnaround = u.turnaround
	}
	const request, counted = 5, 2 // bytes of PDUs
	silence := max(r.silence, to.pause)
	perByte := r.framing.chars(1) - r.framing.chars(0)
	return cost{
		request:  r.chars(request) + r.chars(counted) + max(turnaround, r.silence) + silence,
		byte:     time.Duration(perByte) * r.char,
		overhead: r.framing.chars(0),
		perByte:  perByte,
	}
}

// unit is what is known of a unit.
func (r *stream) unit(id byte) *streamUnit {
	u := r.units[id]
	if u == nil {
		u = &streamUnit{packer: r.framing.packer(id)}
		r.units[id] = u
	}
	return u
}

// ask: a unit that was silent once is not asked again in the same call.
func (r *stream) ask(ctx context.Context, questions []question) ([]answer, error) {
	answers := make([]answer, len(questions))
	silence := map[byte]error{}
	for i, q := range questions {
		if why := silence[q.to.unit]; why != nil {
			answers[i] = answer{at: time.Now(), err: why}
			continue
		}
		a, err := r.fetch(ctx, q)
		if err != nil {
			return nil, err
		}
		if answers[i] = a; silent(a.err) || errors.As(a.err, new(hungUp)) { // a box does not look at requests
			silence[q.to.unit] = a.err
		}
	}
	return answers, nil
}

// fetch is one request and its answer. A read whose answer was damaged is
// repeated once, and so is one at which the peer closed the connection; a write is
// not, because it may have been obeyed.
func (r *stream) fetch(ctx context.Context, q question) (answer, error) {
	a, err := r.connected(ctx, q)
	if errors.Is(err, ErrClosed) && reads(q.request) {
		a, err = r.connected(ctx, q)
		if errors.Is(err, ErrClosed) {
			return answer{at: time.Now(), err: hungUp{ErrClosed}}, nil
		}
	}
	if err == nil && errors.Is(a.err, damaged) && reads(q.request) {
		r.unit(q.to.unit).counts.Repeated++
		return r.guarded(ctx, q)
	}
	return a, err
}

// connected is guarded on a connection, where the line is one.
func (r *stream) connected(ctx context.Context, q question) (answer, error) {
	if err := r.revive(ctx); errors.Is(err, drivers.ErrOffline) {
		return answer{at: time.Now(), err: err}, nil
	} else if err != nil {
		return answer{}, err
	}
	return r.guarded(ctx, q)
}

// guarded makes sure that what comes back can be the answer to nothing else.
// While an answer may come that looks like the one to a read, more is read, so
// that it looks different. Where that cannot be, a late answer has come, or never
// will, once the unit has answered something of another length. And an adapter that hears itself must
// be known before a write that is answered by its own repetition.
func (r *stream) guarded(ctx context.Context, q question) (answer, error) {
	u := r.unit(q.to.unit)
	waits := u.late.expects(q.request)
	if q.to.unit == 0 || !waits && (r.echo != echoUnknown || !echoes(q.request)) {
		return r.once(ctx, q)
	}
	tooWide := false
	if waits && reads(q.request) && !u.narrow {
		a, done, err := r.widened(ctx, q)
		if done || err != nil {
			return a, err
		}
		tooWide = true
	}
	guard := u.late.guard(q.request)
	if guard == nil { // after so many silences one more is no news
		return answer{at: time.Now(), err: drivers.ErrOffline}, nil
	}
	a, err := r.once(ctx, question{q.to, guard, q.device})
	if err != nil || waits && errors.Is(a.err, drivers.ErrOffline) {
		return a, err
	}
	if a.err == nil {
		u.late.settle(q.request)
	}
	a, err = r.once(ctx, q)
	u.narrow = u.narrow || tooWide && err == nil && a.err == nil
	return a, err
}

// widened asks for more than is wanted. It is not done where the unit does not
// give so much.
func (r *stream) widened(ctx context.Context, q question) (a answer, done bool, err error) {
	u := r.unit(q.to.unit)
	wide := u.late.wider(q.request, q.to)
	if wide == nil {
		return a, false, nil
	}
	a, err = r.once(ctx, question{q.to, wide, q.device})
	var e Exception
	if errors.As(a.err, &e) && e.lasting() {
		return a, false, err
	}
	if err == nil && a.err == nil {
		a.data = a.data[:answerLen(q.request)-counter]
	}
	return a, true, err
}

// counter is the length of what stands before the data of an answer to a read:
// function code and byte count.
const counter = 2

// once puts a request on the line and waits for its answer.
func (r *stream) once(ctx context.Context, q question) (answer, error) {
	u := r.unit(q.to.unit)
	adu, err := u.packer.Encode(&q.request.body)
	if err != nil {
		return answer{at: time.Now(), err: err}, nil
	}
	if quiet, err := r.settle(ctx, q.to); err != nil || !quiet {
		return answer{at: time.Now(), err: babbling}, err
	}
	r.asked = q.to.unit
	u.counts.Requests++
	x := &exchange{stream: r, question: q, adu: adu, sent: time.Now()}
	if _, err := r.line.Write(adu); err != nil {
		return answer{}, err
	}
	r.last = x.sent.Add(r.wire(len(adu)))
	if q.to.unit == 0 {
		return answer{at: r.last}, sleep(ctx, time.Until(r.last)+broadcastDelay)
	}
	a, err := x.receive(ctx)
	switch {
	case err == nil:
		count(&u.counts, a.err)
	case ctx.Err() != nil: // its answer is still to come, and nothing may run into it
		r.last = later(r.last, x.carried(r.framing.chars(answerLen(q.request))).Add(max(2*u.turnaround, called)))
	}
	u.late.note(q.request, a.err, err, max(lateness, 4*q.to.timeout))
	r.buf = slices.Delete(r.buf, 0, x.rest)
	return a, err
}

// wire is the time that characters take.
func (r *stream) wire(n int) time.Duration { return time.Duration(n) * r.char }

// chars is the time of a frame whose PDU has n bytes.
func (r *stream) chars(n int) time.Duration { return r.wire(r.framing.chars(n)) }

// settle waits until the line has been silent for as long as separates two
// frames, or as long as the unit or a new line wants, and throws away what comes meanwhile.
// It gives up on a line that is never quiet. When another master has asked
// something, the line is his until he has his answer. Waiting in a read is precise,
// where timers are not; the last of it is waited for awake.
func (r *stream) settle(ctx context.Context, to target) (quiet bool, err error) {
	silence := max(r.silence, to.pause)
	if r.asked != to.unit {
		silence = max(silence, to.unitPause)
	}
	giveUp := later(time.Now(), r.ready).Add(to.timeout + silence + yields + r.wire(r.framing.longest()))
	u, yielded := r.unit(to.unit), false
	for time.Now().Before(giveUp) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		end := later(r.last.Add(silence), r.ready)
		if r.framing.asked(r.buf, u.packer) {
			end, yielded = later(end, r.last.Add(yields)), true
		}
		n, err := r.rest(min(time.Until(end)-r.oversleep, glance))
		if err != nil {
			return false, err
		}
		if n == 0 && !time.Now().Before(end) {
			if yielded {
				u.counts.Foreign++
			}
			r.overhear(to)
			return true, nil
		}
	}
	return false, nil
}

// rest hears nothing for a while, if all is well, and learns how much longer
// that takes than it should.
func (r *stream) rest(wait time.Duration) (n int, err error) {
	began := time.Now()
	n, err = r.hear(wait)
	if n == 0 && wait > 0 {
		r.oversleep = min(usual(r.oversleep, time.Since(began)-wait), mostAwake)
	}
	return n, err
}

// usual follows the shortest of the times that something takes: a low quantile,
// not a mean. Zero is a time that is not known yet.
func usual(known, took time.Duration) time.Duration {
	if known == 0 || took < known {
		return max(took, 0)
	}
	return known + (took-known)/16
}

// hear appends what comes, or nothing. Of a line that babbles only the last
// bytes are kept, in which an answer still has its place.
func (r *stream) hear(wait time.Duration) (n int, err error) {
	if len(r.buf) >= cap(r.buf)-1 {
		r.buf = append(r.buf[:0], r.buf[len(r.buf)-r.framing.longest():]...)
	}
	r.line.SetReadTimeout(wait)
	n, err = r.line.Read(r.buf[len(r.buf):cap(r.buf)])
	if n > 0 {
		r.last = time.Now()
		r.buf = r.buf[:len(r.buf)+n]
	}
	return n, err
}

// overhear throws away what has come since the last answer, and keeps in mind
// what another master has asked the unit in it and has no answer to: that may
// come when we wait for ours.
func (r *stream) overhear(to target) {
	received := r.buf
	r.buf = r.buf[:0]
	if len(received) < r.framing.chars(minRequest) {
		return
	}
	nothing := readRequest(Holding, 0, 0)
	for table := range tables {
		nothing.FunctionCode = tables[table].read
		u := r.unit(to.unit)
		f := r.framing.find(received, to.unit, nothing, u.packer)
		u.counts.Late += uint64(f.stale)
		if f.theirs != nil {
			u.late.expect(f.theirs, lateness)
		}
	}
}

// width: without numbers answers cannot be told apart.
func (*stream) width() int { return 1 }

// counts are what happened with a unit so far.
func (r *stream) counts(unit byte) drivers.Counts { return r.unit(unit).counts }
