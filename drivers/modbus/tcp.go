package modbus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"github.com/goburrow/modbus"

	"fieldmq/drivers"
)

// Sizes in bytes of TCP frames: a header of which the unit id is the last
// byte, and a PDU. (MTCP 3.1.3)
const (
	tcpHeader  = 7
	tcpLongest = 260
)

// tcp is a link over one connection, which the units behind it share: TCP, TLS
// or UDP. Its answers carry the number of their request, so late ones do no
// harm.
type tcp struct {
	peer      endpoint
	inFlight  int // on the connection
	datagrams bool
	tap       *drivers.Tap
	heartbeat []byte        // what the peer says between frames
	pause     time.Duration // after a new connection
	conn      net.Conn      // nil while there is none
	ready     time.Time     // when it may be used
	in        *bufio.Reader
	last      uint16 // transaction id
	refused   int    // new connections in a row that the peer closed without an answer
	units     map[byte]*tcpUnit
	asked     byte      // the unit that was asked last
	askedAt   time.Time // and when
	talk      conversation
	caller    context.Context // whose end ends the wait on the connection; nil: nobody's
	leave     func()          // the end of that
}

// tcpUnit is what the link knows of a unit.
type tcpUnit struct {
	packer modbus.Packager // never shared: it holds the unit id
	trip   time.Duration   // from a request to its answer, a low quantile
	counts drivers.Counts
}

func newTCP(p endpoint, inFlight int) *tcp {
	return &tcp{peer: p, inFlight: inFlight, units: make(map[byte]*tcpUnit)}
}

// Close ends the connection, and the wait for a peer that calls.
func (t *tcp) Close() error { return errors.Join(t.hangUp(), t.peer.Close()) }

func (t *tcp) hangUp() error {
	if t.conn == nil {
		return nil
	}
	t.release()
	err := t.conn.Close()
	t.conn = nil
	return err
}

func (t *tcp) connect(ctx context.Context) error {
	conn, err := t.peer.connect(ctx)
	if err != nil {
		return err
	}
	if d, ok := conn.(*datagrams); ok {
		d.skip = func(datagram []byte) bool { return !wholeFrames(datagram) }
		t.datagrams = true
	}
	t.conn, t.in, t.ready = conn, bufio.NewReader(conn), time.Now().Add(t.pause)
	return nil
}

// wholeFrames says whether bytes are one frame, or several.
func wholeFrames(b []byte) bool {
	for len(b) > tcpHeader {
		size := tcpHeader - 1 + int(binary.BigEndian.Uint16(b[4:]))
		if binary.BigEndian.Uint16(b[2:]) != 0 || size <= tcpHeader || size > min(len(b), tcpLongest) {
			return false
		}
		if len(b) == size {
			return true
		}
		b = b[size:]
	}
	return false
}

// cost: bytes cost next to nothing on a network, but devices take some ten
// microseconds for a register.
func (t *tcp) cost(to target) cost {
	const perByte, unknownTrip = 5 * time.Microsecond, 2 * time.Millisecond
	c := cost{request: unknownTrip, byte: perByte, overhead: tcpHeader, perByte: 1}
	if to.turnaround > 0 {
		c.request = to.turnaround
	}
	if u := t.units[to.unit]; u != nil && u.trip > 0 {
		c.request = u.trip
	}
	c.request += to.pause
	return c
}

func (t *tcp) width() int { return t.inFlight }

func (t *tcp) counts(unit byte) drivers.Counts { return t.unit(unit).counts }

// ask connects anew where the peer has closed the connection, as many do after
// a while of silence and some after each answer. Reads are then sent again, but
// a write only if it was not sent before: so it looks first.
func (t *tcp) ask(ctx context.Context, questions []question) ([]answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.conn != nil && (t.peer.newer() || !allRead(questions) && t.ended()) {
		_ = t.hangUp()
	}
	fresh := t.conn == nil
	if fresh {
		if err := t.connect(ctx); errors.Is(err, drivers.ErrOffline) {
			return allFailed(len(questions), err), nil
		} else if err != nil {
			return nil, lost(ctx, t.peer, err)
		}
	}
	answers, err := t.converse(ctx, questions)
	if err == nil || ctx.Err() != nil {
		return answers, err
	}
	_ = t.hangUp()
	left := unanswered(answers)
	vain := fresh && len(left) == len(questions)
	if !allRead(questions) || vain && errors.Is(err, ErrFraming) {
		return nil, lost(ctx, t.peer, cut(err))
	}
	if vain {
		left = t.blame(questions, answers, hungUp{cut(err)})
	}
	return t.resume(ctx, questions, answers, left)
}

// mostRefused is how many connections in a row a peer may close at once until
// it is left in peace for this time.
const mostRefused = 3

// blame makes the first request the one at which the peer closes a new
// connection, so that the others have their turn; or all of them where it always
// does. It returns those that are left.
func (t *tcp) blame(questions []question, answers []answer, why error) (left []int) {
	t.refused++
	blamed := 1
	if t.refused >= mostRefused {
		blamed = len(questions)
	}
	for i := range questions {
		if i >= blamed {
			left = append(left, i)
			continue
		}
		answers[i] = answer{at: time.Now(), err: why}
		count(&t.unit(questions[i].to.unit).counts, why)
	}
	return left
}

// resume asks on another connection for what has no answer so far.
func (t *tcp) resume(ctx context.Context, questions []question, answers []answer, left []int) ([]answer, error) {
	if len(left) == 0 {
		return answers, nil
	}
	again := make([]question, len(left))
	for n, i := range left {
		again[n] = questions[i]
	}
	more, err := t.ask(ctx, again)
	if err != nil {
		return nil, err
	}
	for n, i := range left {
		answers[i] = more[n]
	}
	return answers, nil
}

// unanswered are the places of the answers that have not come.
func unanswered(answers []answer) (left []int) {
	for i, a := range answers {
		if a.at.IsZero() {
			left = append(left, i)
		}
	}
	return left
}

func allRead(questions []question) bool {
	return !slices.ContainsFunc(questions, func(q question) bool { return !reads(q.request) })
}

func allFailed(n int, why error) []answer {
	answers := make([]answer, n)
	for i := range answers {
		answers[i] = answer{at: time.Now(), err: why}
	}
	return answers
}

// ended looks whether the peer has ended the connection, without a wait. What
// ends a secure connection is a message, which must be read to be known.
func (t *tcp) ended() bool {
	bytes, ended := waiting(t.conn)
	if !bytes {
		return ended
	}
	const moment = 20 * time.Millisecond
	if err := t.conn.SetReadDeadline(time.Now().Add(moment)); err != nil {
		return true
	}
	_, err := t.in.Peek(min(t.in.Buffered()+1, t.in.Size()))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// heed has the end of ctx end the waits on the connection, and that of the context
// before no more. One context often asks again and again.
func (t *tcp) heed(ctx context.Context) {
	if t.caller == ctx {
		return
	}
	t.release()
	conn, ended := t.conn, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = conn.SetDeadline(time.Unix(1, 0)) // fails when closed, which ends the wait too
	})
	t.caller, t.leave = ctx, func() {
		if !stop() {
			<-ended
		}
	}
}

// release heeds nobody any more.
func (t *tcp) release() {
	if t.caller != nil {
		t.leave()
		t.caller, t.leave = nil, nil
	}
}

// converse sends requests, as many at a time as units and connection take, and
// collects their answers by number. With an error come those that there are.
func (t *tcp) converse(ctx context.Context, questions []question) ([]answer, error) {
	t.heed(ctx)
	c := &t.talk
	c.begin(t, questions)
	for c.done < len(questions) {
		if err := c.send(ctx); err != nil {
			return c.answers, err
		}
		if len(c.open) == 0 {
			continue
		}
		if err := c.within(c.wake()); err != nil {
			return c.answers, err
		}
		if err := ctx.Err(); err != nil { // after the deadline, which would undo the end
			return c.answers, err
		}
		err := c.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			err = c.expire(time.Now())
		}
		if err != nil {
			return c.answers, err
		}
	}
	return c.answers, nil
}

// ErrFraming says that what came was no frame of Modbus TCP.
var ErrFraming = errors.New("the peer does not speak Modbus TCP")

// frame waits for a whole frame and leaves it in the reader, so that a time-out
// in its middle loses nothing.
func (t *tcp) frame() ([]byte, error) {
	header, err := t.header()
	if err != nil {
		return nil, err
	}
	protocol := binary.BigEndian.Uint16(header[2:])
	size := tcpHeader - 1 + int(binary.BigEndian.Uint16(header[4:]))
	if protocol != 0 || size < tcpHeader+1 || size > tcpLongest {
		return nil, ErrFraming
	}
	return t.in.Peek(size)
}

// header waits for the header of a frame, and skips heartbeats before it.
func (t *tcp) header() ([]byte, error) {
	for {
		if n := len(t.heartbeat); n > 0 {
			beat, err := t.in.Peek(n)
			if err != nil {
				return nil, err
			}
			if bytes.Equal(beat, t.heartbeat) {
				if _, err := t.in.Discard(n); err != nil {
					return nil, err
				}
				continue
			}
		}
		return t.in.Peek(tcpHeader)
	}
}

// learn follows the fast answers, so that a plan does not change with each
// delay on the network.
func (u *tcpUnit) learn(trip time.Duration) {
	u.trip = usual(u.trip, max(trip, 1))
}

func (t *tcp) unit(id byte) *tcpUnit {
	u := t.units[id]
	if u == nil {
		h := modbus.NewTCPClientHandler("") // only its packager is used
		h.SlaveId = id
		u = &tcpUnit{packer: h}
		t.units[id] = u
	}
	return u
}
