// Package tape plays recorded traffic back: it answers a request with what was
// answered to it when it was recorded, piece by piece and as late, faults and all.
package tape

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Piece is some bytes of an answer.
type Piece struct {
	After time.Duration // since the piece before, or the end of the request
	Bytes []byte
}

// Exchange is a request with all that was heard until the next one. Without a
// request it is what devices said by themselves.
type Exchange struct {
	Request []byte
	Answer  []Piece
}

// Tape is the recording of one bus. It answers a request as it was answered the
// first time, the next time as the second, and so on; when all is played it
// repeats the last. Its methods may be called from any goroutine.
type Tape struct {
	speed float64
	other func(request []byte) []byte
	spoke []Piece // unasked

	mu      sync.Mutex
	answers map[string][][]Piece
	left    int // answers that were not played yet
	played  int
	unknown int // requests that are not on the tape
}

// New makes a tape that plays so many times faster than it was recorded. other
// answers requests that are not on it, or returns nil.
func New(exchanges []Exchange, speed float64, other func(request []byte) []byte) *Tape {
	t := &Tape{speed: speed, other: other, answers: map[string][][]Piece{}}
	for _, e := range exchanges {
		if e.Request == nil {
			t.spoke = append(t.spoke, e.Answer...)
			continue
		}
		key := string(e.Request)
		t.answers[key] = append(t.answers[key], e.Answer)
		t.left++
	}
	return t
}

// Report says how far the tape is: exchanges played and left, and requests that
// are not on it.
func (t *Tape) Report() (played, left, unknown int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.played, t.left, t.unknown
}

// answer is what follows a request.
func (t *Tape) answer(request []byte) []Piece {
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := t.answers[string(request)]
	if len(queue) == 0 {
		t.unknown++
		if t.other != nil {
			if b := t.other(request); b != nil {
				return []Piece{{Bytes: b}}
			}
		}
		return nil
	}
	if len(queue) > 1 {
		t.answers[string(request)] = queue[1:]
	}
	t.played++
	t.left = max(0, t.left-1)
	return queue[0]
}

// play writes pieces in their time until ctx ends.
func (t *Tape) play(ctx context.Context, to io.Writer, pieces []Piece) error {
	for _, p := range pieces {
		timer := time.NewTimer(time.Duration(float64(p.After) / t.speed))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if _, err := to.Write(p.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// Line is a serial line, such as a cable.Cable.
type Line interface {
	io.WriteCloser
	// ReadBurst reads until the line was silent for the gap, which depends on
	// the time of one character, or p is full.
	ReadBurst(p []byte, gap func(character time.Duration) time.Duration) (int, error)
}

// ServeLine answers on a serial line until ctx ends, which is no error, and
// closes it. What devices said unasked begins a moment later, when the program
// has opened its end.
func (t *Tape) ServeLine(ctx context.Context, line Line) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer context.AfterFunc(ctx, func() { line.Close() })()
	tasks.Go(func() {
		const moment = 700 * time.Millisecond
		spoke := append([]Piece{{After: time.Duration(float64(moment) * t.speed)}}, t.spoke...)
		_ = t.play(ctx, line, spoke) // fails when the line does, which the reader tells
	})
	buffer := make([]byte, 4096)
	stop := func() {}
	for {
		n, err := line.ReadBurst(buffer, func(c time.Duration) time.Duration { return max(c*7/2, 1750*time.Microsecond) })
		stop() // a new request ends what is left of the answer to the last
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		pieces := t.answer(buffer[:n])
		answering, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		tasks.Go(func() {
			defer close(done)
			_ = t.play(answering, line, pieces)
		})
		stop = func() { cancel(); <-done }
		defer cancel()
	}
}

// header is the length of the header of a Modbus TCP frame.
const header = 7

// ServeTCP answers Modbus TCP until ctx ends, which is no error, and closes the
// listener. Requests on the tape stand without the number of their transaction.
func (t *Tape) ServeTCP(ctx context.Context, ln net.Listener) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		tasks.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			t.converse(ctx, conn)
		})
	}
}

func (t *Tape) converse(ctx context.Context, conn net.Conn) {
	for {
		head := make([]byte, header)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size := int(head[4])<<8 | int(head[5])
		if size < 1 || size > 254 {
			return
		}
		rest := make([]byte, size-1)
		if _, err := io.ReadFull(conn, rest); err != nil {
			return
		}
		request := append(head[2:header:header], rest...)
		pieces := t.answer(request)
		out := make([]Piece, len(pieces))
		for i, p := range pieces {
			out[i] = Piece{p.After, append(append([]byte(nil), head[:2]...), p.Bytes...)}
		}
		if err := t.play(ctx, conn, out); err != nil && !errors.Is(err, net.ErrClosed) {
			return
		}
	}
}
