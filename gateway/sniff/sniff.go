// Package sniff listens to another master on a Modbus RTU line: it finds requests
// and answers among the bytes, by their lengths and checksums, and learns which
// units there are and what they have. It never sends.
package sniff

import (
	"fmt"
	"time"

	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// Event is what was overheard: a request with what came of it, or bytes that
// are no frame.
type Event struct {
	At      time.Time // of the request, as its last byte came; or of the noise
	Unit    byte
	Request frame.Request
	Answer  []byte        // its PDU; nil: none came
	Took    time.Duration // from the request to the answer
	Noise   []byte        // bytes that are no frame; then there is no request
}

// Exception is the exception code of the answer, or 0.
func (e *Event) Exception() modbus.Exception {
	if len(e.Answer) == 2 && e.Answer[0]&frame.Failed != 0 {
		return modbus.Exception(e.Answer[1])
	}
	return 0
}

// Decoder takes bytes as they come, and tells events. One goroutine uses it.
type Decoder struct {
	tell    func(Event)
	buf     []byte
	last    time.Time // of the last byte
	pending *Event    // a request without an answer so far
	noise   []byte
	noiseAt time.Time
	frames  int
}

// quiet is the silence after which what came before is no part of a frame any
// more. Adapters hand bytes over in pieces, some every 16 ms.
const quiet = 60 * time.Millisecond

// patience is how long a unit may take to answer.
const patience = 5 * time.Second

// mostNoise bounds the bytes that one event has.
const mostNoise = 256

// New makes a decoder that tells events.
func New(tell func(Event)) *Decoder { return &Decoder{tell: tell} }

// Frames is the number of whole frames so far: it tells the right speed from
// wrong ones.
func (d *Decoder) Frames() int { return d.frames }

// Feed takes bytes that came at an instant. None says that time has passed.
func (d *Decoder) Feed(b []byte, at time.Time) {
	if d.last.Add(quiet).Before(at) {
		d.drain(true)
	}
	if len(b) > 0 {
		d.buf = append(d.buf, b...)
		d.last = at
		d.drain(false)
	}
	if d.pending != nil && d.pending.At.Add(patience).Before(at) {
		d.settle()
	}
}

// Flush tells what is left.
func (d *Decoder) Flush() {
	d.drain(true)
	d.settle()
}

// drain takes frames from the buffer. Once it is known that nothing follows,
// beginnings of frames are noise.
func (d *Decoder) drain(ended bool) {
	for len(d.buf) > 0 {
		n, known := d.next()
		if n == 0 && !known && !ended {
			return // the rest of a frame is on its way
		}
		if n == 0 {
			d.skip()
			continue
		}
		d.hush()
		d.frame(d.buf[:n])
		d.buf = d.buf[n:]
	}
	if ended {
		d.hush()
	}
}

// next is the length of the frame at the beginning of the buffer: 0 if there is
// none, and known is false if one may yet become complete.
func (d *Decoder) next() (n int, known bool) {
	if len(d.buf) < 2 {
		return 0, false
	}
	known = true
	// An answer first, where one is expected: that to a write is its request
	// once more.
	lengths := []func([]byte) int{frame.RequestLen, frame.AnswerLen}
	if d.pending != nil && d.pending.Unit == d.buf[0] {
		lengths[0], lengths[1] = lengths[1], lengths[0]
	}
	for _, length := range lengths {
		size := length(d.buf[1:])
		switch {
		case size == 0 || size+frame.Overhead > frame.Longest:
		case size == frame.More || size+frame.Overhead > len(d.buf):
			known = false
		case frame.Intact(d.buf[:size+frame.Overhead]):
			return size + frame.Overhead, true
		}
	}
	return 0, known
}

// skip takes one byte for noise.
func (d *Decoder) skip() {
	if len(d.noise) == 0 {
		d.noiseAt = d.last
	}
	if len(d.noise) < mostNoise {
		d.noise = append(d.noise, d.buf[0])
	}
	d.buf = d.buf[1:]
}

// hush tells the noise so far.
func (d *Decoder) hush() {
	if len(d.noise) > 0 {
		d.tell(Event{At: d.noiseAt, Noise: d.noise})
		d.noise = nil
	}
}

// frame takes a whole frame.
func (d *Decoder) frame(adu []byte) {
	d.frames++
	unit, pdu := adu[0], append([]byte(nil), adu[1:len(adu)-2]...)
	if p := d.pending; p != nil && p.Unit == unit && p.Request.Answers(pdu) {
		p.Answer, p.Took = pdu, d.last.Sub(p.At)
		d.settle()
		return
	}
	request, err := frame.Parse(pdu)
	if err != nil { // an answer to what we did not hear
		return
	}
	d.settle()
	d.pending = &Event{At: d.last, Unit: unit, Request: request}
	if unit == 0 {
		d.settle() // nobody answers a broadcast
	}
}

func (d *Decoder) settle() {
	if d.pending != nil {
		d.tell(*d.pending)
		d.pending = nil
	}
}

// String is the event for people.
func (e *Event) String() string {
	if e.Noise != nil {
		return fmt.Sprintf("%d bytes that are no frame: % X", len(e.Noise), e.Noise[:min(len(e.Noise), 24)])
	}
	return fmt.Sprintf("unit %d %s -> %s", e.Unit, Ask(e.Request), e.outcome())
}

func (e *Event) outcome() string {
	took := fmt.Sprintf(" (%.1f ms)", float64(e.Took.Microseconds())/1000)
	switch code := e.Exception(); {
	case e.Unit == 0:
		return "to all"
	case e.Answer == nil:
		return "no answer"
	case code != 0:
		return fmt.Sprintf("exception %d, %v%s", byte(code), code, took)
	case e.Request.Read.Count > 0:
		return words(e.Request.Read, e.Answer[2:]) + took
	case e.Request.Write.Count > 0:
		return "done" + took
	}
	return fmt.Sprintf("% X%s", e.Answer[1:], took)
}

// Ask is a request for people.
func Ask(q frame.Request) string {
	switch {
	case q.Read.Count > 0 && q.Write.Count > 0:
		return fmt.Sprintf("writes %s and reads %s", span(q.Write), span(q.Read))
	case q.Read.Count > 0:
		return "read " + span(q.Read)
	case q.Function == frame.MaskWrite:
		return fmt.Sprintf("mask %s = % X", span(q.Write), q.Data[2:])
	case q.Function == frame.WriteCoil:
		return fmt.Sprintf("write %s = %d", span(q.Write), q.Data[2]&1)
	case q.Function == frame.WriteRegister:
		return fmt.Sprintf("write %s = %s", span(q.Write), words(q.Write, q.Data[2:]))
	case q.Write.Count > 0:
		return fmt.Sprintf("write %s = %s", span(q.Write), words(q.Write, q.Data[5:]))
	case q.Function == frame.Encapsulated:
		return "asks for the device identification"
	case q.Function == frame.ServerID:
		return "asks for the server id"
	}
	return fmt.Sprintf("function %d", q.Function)
}

func span(s frame.Span) string {
	if s.Count == 1 {
		return fmt.Sprintf("%s %d", s.Table, s.First)
	}
	return fmt.Sprintf("%s %d..%d", s.Table, s.First, s.First+s.Count-1)
}

// words are the values of a span, the first of them if there are many.
func words(s frame.Span, data []byte) string {
	const few = 12
	text := ""
	for i := range min(s.Count, few) {
		if i > 0 && !s.Table.Bits() {
			text += " "
		}
		if s.Table.Bits() {
			text += fmt.Sprint(data[i/8] >> (i % 8) & 1)
		} else {
			text += fmt.Sprintf("%02X%02X", data[2*i], data[2*i+1])
		}
	}
	if s.Count > few {
		text += " ..."
	}
	return text
}
