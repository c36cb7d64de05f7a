package modbus

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"fieldmq/drivers"
)

// conversation is one ask.
type conversation struct {
	*tcp
	unit     byte
	requests []*pdu
	answers  []answer
	open     []sent // without an answer so far
	next     int    // request to be sent
	done     int
	progress time.Time // something was sent or answered; other frames do not count
}

// sent is a request on its way.
type sent struct {
	index int
	adu   []byte
	at    time.Time
}

// send sends what may be sent, in one packet. Half of it would leave the peer in
// the middle of a frame, so a time-out here is the end of the connection.
func (c *conversation) send(timeout time.Duration) error {
	var out []byte
	for c.next < len(c.requests) && len(c.open) < c.inFlight {
		adu, err := c.packer(c.unit).Encode(c.requests[c.next])
		if err != nil {
			return err
		}
		c.last++
		binary.BigEndian.PutUint16(adu, c.last) // unique on the connection, not only for the unit
		c.open = append(c.open, sent{c.next, adu, time.Now()})
		out = append(out, adu...)
		c.next++
	}
	if len(out) == 0 {
		return nil
	}
	c.progress = time.Now()
	if err := c.conn.SetDeadline(c.progress.Add(timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(out)
	if err != nil {
		err = errors.Join(err, c.Close())
	}
	return err
}

// receive takes one frame.
func (c *conversation) receive() error {
	adu, err := c.frame()
	if err != nil {
		return err
	}
	c.take(adu)
	_, err = c.in.Discard(len(adu))
	return err
}

// take finds the request that a frame answers, and drops what nobody waits for
// any more.
func (c *conversation) take(adu []byte) {
	i := slices.IndexFunc(c.open, func(s sent) bool { return c.packer(c.unit).Verify(s.adu, adu) == nil })
	if i < 0 {
		return
	}
	s := c.open[i]
	reply, err := c.packer(c.unit).Decode(adu)
	now := time.Now()
	a := answer{at: now, err: damaged}
	if err == nil && answers(c.requests[s.index], reply) {
		a = newAnswer(c.requests[s.index], reply, now)
		c.learn(now.Sub(s.at))
	}
	c.settle(i, a)
}

// settle makes an answer final. The box that says that a device does not answer
// would say so again.
func (c *conversation) settle(i int, a answer) {
	c.answers[c.open[i].index] = a
	c.open = slices.Delete(c.open, i, i+1)
	c.done++
	c.progress = a.at
	if silent(a.err) {
		c.skip(a.err)
	}
}

// giveUp ends the wait: no answer for what was sent, and the rest stays unsent.
// The connection stays, because the answers carry their numbers.
func (c *conversation) giveUp() {
	for len(c.open) > 0 {
		c.settle(0, answer{at: time.Now(), err: drivers.ErrOffline})
	}
}

// skip leaves the rest unsent.
func (c *conversation) skip(why error) {
	for ; c.next < len(c.requests); c.next++ {
		c.answers[c.next] = answer{at: time.Now(), err: why}
		c.done++
	}
}
