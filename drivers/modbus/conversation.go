package modbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"fieldmq/drivers"
)

// conversation is one ask.
type conversation struct {
	*tcp
	questions []question
	answers   []answer
	todo      []int          // questions that were not sent so far, in order
	open      []sent         // without an answer so far
	silent    map[byte]error // units that do not answer
	done      int
	progress  time.Time // something was answered; other frames do not count
	deadline  time.Time // of the connection
}

// sent is a request on its way.
type sent struct {
	index  int
	unit   *tcpUnit
	adu    []byte
	at     time.Time
	resent bool
	other  error // that another unit has answered it
}

// begin begins a conversation in the room of the one before.
func (c *conversation) begin(t *tcp, questions []question) {
	*c = conversation{tcp: t, questions: questions, answers: make([]answer, len(questions)), todo: c.todo[:0], open: c.open[:0]}
	for i := range questions {
		c.todo = append(c.todo, i)
	}
}

// send sends what may be sent, in one packet.
func (c *conversation) send(ctx context.Context) error {
	var out []byte
	later := c.todo[:0]
	for n, i := range c.todo {
		q := &c.questions[i]
		if why := c.silent[q.to.unit]; why != nil {
			c.answers[i] = answer{at: time.Now(), err: why}
			c.done++
			continue
		}
		if len(c.open) >= c.inFlight {
			later = append(later, c.todo[n:]...)
			break
		}
		if c.openOf(q.to.unit) >= max(q.to.inFlight, 1) || len(c.open) > 0 && c.rest(&q.to) > 0 {
			later = append(later, i)
			continue
		}
		if err := sleep(ctx, c.rest(&q.to)); err != nil {
			return err
		}
		adu, err := c.pack(i, q)
		if err != nil {
			return err
		}
		if c.tcp.datagrams { // each in its own
			if err := c.write(adu, c.open[len(c.open)-1].at.Add(q.to.timeout)); err != nil {
				return err
			}
			continue
		}
		if out == nil {
			out = adu
		} else {
			out = append(out, adu...)
		}
	}
	c.todo = later
	if len(out) == 0 {
		return nil
	}
	return c.write(out, c.until(&c.open[len(c.open)-1]))
}

// rest is how long a unit is to be left alone yet.
func (c *conversation) rest(to *target) time.Duration {
	pause := to.pause
	if c.asked != to.unit {
		pause = max(pause, to.unitPause)
	}
	if pause == 0 && c.pause == 0 {
		return 0
	}
	return time.Until(later(c.askedAt.Add(pause), c.ready))
}

func (c *conversation) openOf(unit byte) int {
	n := 0
	for _, s := range c.open {
		if c.questions[s.index].to.unit == unit {
			n++
		}
	}
	return n
}

// pack makes the frame of a question, with a number that is unique on the
// connection and not only for the unit.
func (c *conversation) pack(i int, q *question) ([]byte, error) {
	u := c.unit(q.to.unit)
	adu, err := u.packer.Encode(&q.request.body)
	if err != nil {
		return nil, err
	}
	c.last++
	binary.BigEndian.PutUint16(adu, c.last)
	now := time.Now()
	c.asked, c.askedAt = q.to.unit, now
	c.open = append(c.open, sent{index: i, unit: u, adu: adu, at: now})
	u.counts.Requests++
	return adu, nil
}

// write sends bytes. Half of them would leave the peer in the middle of a frame,
// so a time-out here is the end of the connection.
func (c *conversation) write(out []byte, deadline time.Time) error {
	if err := c.within(deadline); err != nil {
		return err
	}
	c.tap.Sent(out)
	_, err := c.conn.Write(out)
	if err != nil {
		err = errors.Join(errWrite, err, c.hangUp())
	}
	return err
}

// within sets the deadline of the connection, where it is another one.
func (c *conversation) within(deadline time.Time) error {
	if deadline.Equal(c.deadline) {
		return nil
	}
	c.deadline = deadline
	return c.conn.SetDeadline(deadline)
}

var errWrite = errors.New("the peer takes no more bytes")

// receive takes one frame.
func (c *conversation) receive() error {
	adu, err := c.frame()
	if err != nil {
		return err
	}
	c.tap.Received(adu)
	c.take(adu)
	_, err = c.in.Discard(len(adu))
	return err
}

// take finds the request that a frame answers, and drops what nobody waits for
// any more.
func (c *conversation) take(adu []byte) {
	i := 0
	for i < len(c.open) && c.open[i].unit.packer.Verify(c.open[i].adu, adu) != nil {
		i++
	}
	if i == len(c.open) {
		c.stray(adu)
		return
	}
	s := &c.open[i]
	request := c.questions[s.index].request
	reply, err := s.unit.packer.Decode(adu)
	now := time.Now()
	a := answer{at: now, err: damaged}
	if err == nil && answers(request, reply) {
		a = newAnswer(request, reply, now)
		if !s.resent {
			s.unit.learn(now.Sub(s.at))
		}
	}
	c.settle(i, a)
}

// stray takes a frame that answers nothing. One with the number of a request
// shows that the peer goes by another unit id.
func (c *conversation) stray(adu []byte) {
	unit := adu[tcpHeader-1]
	if u := c.units[unit]; u != nil {
		u.counts.Late++
	}
	for i := range c.open {
		if s := &c.open[i]; bytes.Equal(s.adu[:2], adu[:2]) && s.adu[tcpHeader-1] != unit {
			s.other = OtherUnit(unit)
		}
	}
}

// settle makes an answer final. The box that says that a device does not answer
// would say so again.
func (c *conversation) settle(i int, a answer) {
	s := c.open[i]
	c.answers[s.index] = a
	c.open = slices.Delete(c.open, i, i+1)
	c.done++
	c.progress = a.at
	c.refused = 0
	count(&s.unit.counts, a.err)
	if a.err != nil && silent(a.err) {
		if c.silent == nil {
			c.silent = make(map[byte]error)
		}
		c.silent[c.questions[s.index].to.unit] = a.err
	}
}

// until is when the wait for an answer ends. A box that asks the devices behind
// it one by one answers the last of several requests late: each answer proves
// that it is at work.
func (c *conversation) until(s *sent) time.Time {
	timeout := c.questions[s.index].to.timeout
	if c.tcp.datagrams && !s.resent {
		return s.at.Add(timeout / 2)
	}
	from := s.at
	if c.progress.After(from) {
		from = c.progress
	}
	return earlier(from.Add(timeout), s.at.Add(timeout*time.Duration(c.inFlight)))
}

// wake is when the first wait ends.
func (c *conversation) wake() time.Time {
	first := c.until(&c.open[0])
	for i := range c.open[1:] {
		first = earlier(first, c.until(&c.open[1+i]))
	}
	return first
}

// expire ends the waits whose time is up. The connection stays, because the
// answers carry their numbers. A datagram may have been lost: a read is sent
// once more.
func (c *conversation) expire(now time.Time) error {
	for i := 0; i < len(c.open); {
		s := &c.open[i]
		q := c.questions[s.index]
		if now.Before(c.until(s)) {
			i++
			continue
		}
		if c.tcp.datagrams && !s.resent {
			s.resent = true
			if reads(q.request) {
				s.unit.counts.Repeated++
				if err := c.write(s.adu, now.Add(q.to.timeout)); err != nil {
					return err
				}
			}
			i++
			continue
		}
		was := c.progress
		silence := error(drivers.ErrOffline)
		if s.other != nil {
			silence = s.other
		}
		c.settle(i, answer{at: now, err: silence})
		c.progress = was // silence is none
	}
	return nil
}
