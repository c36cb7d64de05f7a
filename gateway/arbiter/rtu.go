package arbiter

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus/frame"
)

const (
	// glance is the longest wait that does not look at the context.
	glance = 100 * time.Millisecond
	// quiet is the silence after which what came before is no part of a
	// frame any more. The standard's 3.5 characters cannot be told apart
	// behind a USB adapter; the checksum decides.
	quiet = 50 * time.Millisecond
)

// serveLine answers another master on a serial line until ctx ends or the line
// is lost.
func (d *door) serveLine(ctx context.Context) (opened bool, err error) {
	l, err := line.Open(ctx, d.Line.Settings, d.log)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	d.log.Info("serving another master", "line", d.Line.String())
	ear := &ear{}
	for ctx.Err() == nil {
		l.SetReadTimeout(glance)
		n, err := l.Read(ear.room())
		if err != nil {
			return true, err
		}
		unit, pdu, ok := ear.hear(n, time.Now())
		if !ok {
			continue
		}
		answer := d.answer(ctx, netip.Addr{}, unit, pdu)
		if unit == 0 || stranger(answer) {
			continue
		}
		// A master that speaks again has given up: an answer now would be
		// taken for that to its next request.
		l.SetReadTimeout(0)
		if n, err = l.Read(ear.room()); err != nil {
			return true, err
		}
		if n > 0 {
			ear.take(n, time.Now())
			continue
		}
		if _, err := l.Write(frame.Append(nil, unit, answer)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// stranger says whether an answer is for a unit that we do not stand for.
func stranger(answer []byte) bool {
	return len(answer) == 2 && answer[0]&frame.Failed != 0 && answer[1] == byte(unreachable)
}

// ear finds requests among the bytes of a line.
type ear struct {
	buf  [2 * frame.Longest]byte
	n    int
	last time.Time
}

// room is where the next bytes go.
func (e *ear) room() []byte {
	if len(e.buf)-e.n < frame.Longest {
		e.n = copy(e.buf[:], e.buf[e.n-frame.Longest/2:e.n]) // of a line that babbles
	}
	return e.buf[e.n:]
}

// take adds n bytes that were read into room.
func (e *ear) take(n int, now time.Time) {
	if n == 0 {
		if now.Sub(e.last) > quiet {
			e.n = 0
		}
		return
	}
	e.n, e.last = e.n+n, now
}

// hear takes n bytes, and returns the last whole request: one before it has
// been given up by its master.
func (e *ear) hear(n int, now time.Time) (unit byte, pdu []byte, ok bool) {
	e.take(n, now)
	at := 0
	for at < e.n {
		rest := e.buf[at:e.n]
		size := requestSize(rest)
		if size == frame.More || size > len(rest) {
			if !hopeless(rest) {
				break
			}
			at++
			continue
		}
		if size == 0 || !frame.Intact(rest[:size]) {
			at++
			continue
		}
		unit, pdu, ok = rest[0], append([]byte(nil), rest[1:size-2]...), true
		at += size
	}
	e.n = copy(e.buf[:], e.buf[at:e.n])
	return unit, pdu, ok
}

// hopeless says whether a beginning without an end is followed by a whole
// request, so that it was noise.
func hopeless(rest []byte) bool {
	for at := 1; at < len(rest); at++ {
		if size := requestSize(rest[at:]); size > 0 && size <= len(rest)-at && frame.Intact(rest[at:at+size]) {
			return true
		}
	}
	return false
}

// requestSize is the length of the frame of a request that begins so, frame.More
// if that is not known yet, 0 if it is none.
func requestSize(b []byte) int {
	if len(b) < 2 {
		return frame.More
	}
	n := frame.RequestLen(b[1:])
	if n <= 0 {
		return n
	}
	if n+frame.Overhead > frame.Longest {
		return 0
	}
	return n + frame.Overhead
}
