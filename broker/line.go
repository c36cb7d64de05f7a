package broker

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// Bounds of a line.
const (
	// lineFull is how many bytes may wait in a line before messages wait in the
	// session's queue instead, where they are counted and can expire.
	lineFull = 128 << 10
	// answersFull is how many bytes may wait in a line before its client's own
	// packets wait. It is more than messages fill: a client that first writes to the
	// end what it has begun, and then reads, comes to its end.
	answersFull = 2 * lineFull
	// lingering is how long the last words to a client may take.
	lingering = 500 * time.Millisecond
	// biggestSpare is the size in bytes of the largest buffer that is used again.
	biggestSpare = answersFull
)

// line is the sending half of a connection. Anyone appends packets to it and
// never waits; flush then writes all that has gathered at once. Where the
// connection can be written without waiting, the caller of flush does so, and
// waits for nothing but the store;
// what it cannot take is left to a goroutine that ends when all is written.
type line struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: every write may have to wait
	refill  func()          // called when there is room again
	settle  func()          // called before what was promised is written
	spares  *sync.Pool
	sum     *Traffic       // of what all lines have sent
	writers sync.WaitGroup // of those who drain

	mu      sync.Mutex
	room    sync.Cond
	buf     []byte // gathered, not yet being written
	awaited bool   // someone has appended and will flush
	writing bool   // someone is writing, and will look at buf again
	owes    bool   // the store must have something before buf is written
	starved bool   // a message was turned away, so the queue wants to hear of room
	closing bool   // takes no more; closes the connection when all is written
	closed  bool
	sent    tally // packets since the last write

	direct direct // used by who is writing
}

// begin locks the line and returns the buffer to append to. It fails if the
// line is closing, or full and the packet is one that can wait.
func (l *line) begin(canWait bool) ([]byte, bool) {
	l.mu.Lock()
	if full := canWait && len(l.buf) >= lineFull; full || l.closing {
		l.starved = full
		l.mu.Unlock()
		return nil, false
	}
	if l.buf == nil {
		l.buf = l.spare()
	}
	return l.buf, true
}

// commit gives the buffer back, and unlocks the line. It says whether the
// caller is the one who must flush, at its leisure: others count on it.
func (l *line) commit(buf []byte) (mine bool) {
	l.buf = buf
	mine = !l.awaited && !l.writing
	l.awaited = l.awaited || mine
	l.mu.Unlock()
	return mine
}

// promise says that what was appended last must not be written before the store
// has what was noted until now. The caller is between begin and commit.
func (l *line) promise() { l.owes = true }

// append puts n packets onto the line that cannot wait. The caller flushes it.
func (l *line) append(packets []byte, n int) {
	if buf, ok := l.begin(false); ok {
		l.sent.packets += int64(n)
		l.commit(append(buf, packets...))
	}
}

// wait lets a client that does not read its answers wait with its questions.
func (l *line) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.buf) >= answersFull && !l.closing {
		l.room.Wait()
	}
}

func (l *line) spare() []byte {
	if b, ok := l.spares.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 4<<10)
}

func (l *line) giveBack(buf []byte) {
	if cap(buf) <= biggestSpare {
		l.spares.Put(&buf)
	}
}

// flush sees to it that what was appended is written. It does not wait for the
// client.
func (l *line) flush() {
	buf, owes := l.take()
	if buf == nil {
		return
	}
	if owes {
		l.settle()
	}
	if l.raw == nil {
		l.leave(buf)
		return
	}
	n, err := l.direct.write(l.raw, buf)
	if err == nil && n < len(buf) {
		// The socket is full. The rest moves to the front, so that the buffer
		// can go back whole.
		l.leave(buf[:copy(buf, buf[n:])])
		return
	}
	l.giveBack(buf)
	if !l.done(err) {
		l.leave(nil)
	}
}

// leave leaves buf, and what else there is, to a goroutine.
func (l *line) leave(buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed { // after that, end may have counted the writers
		l.writers.Go(func() { l.drain(buf) })
	}
}

// take makes the caller the one who writes, and returns what is to be written;
// nil if there is nothing or someone else does.
func (l *line) take() (buf []byte, owes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awaited = false
	if l.writing || l.closed {
		return nil, false
	}
	if len(l.buf) == 0 {
		if l.closing {
			l.closeLocked()
		}
		return nil, false
	}
	l.writing = true
	return l.takeLocked()
}

// takeLocked takes out what has gathered, and counts it.
func (l *line) takeLocked() (buf []byte, owes bool) {
	buf, owes = l.buf, l.owes
	l.buf, l.owes = nil, false
	l.sent.bytes = int64(len(buf))
	l.sent.addTo(l.sum)
	l.room.Broadcast()
	return buf, owes
}

// done ends the caller's turn at writing if nothing is left.
func (l *line) done(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.closeLocked()
		return true
	}
	if len(l.buf) > 0 || l.starved {
		l.starved = false
		return false
	}
	l.writing = false
	if l.closing {
		l.closeLocked()
	}
	return true
}

// drain writes buf and all that gathers meanwhile, and waits where it must.
func (l *line) drain(buf []byte) {
	for {
		var err error
		if len(buf) > 0 {
			_, err = l.conn.Write(buf)
			l.giveBack(buf)
		}
		if err == nil {
			l.refill()
		}
		if l.done(err) {
			return
		}
		var owes bool
		l.mu.Lock()
		buf, owes = l.takeLocked()
		l.mu.Unlock()
		if owes {
			l.settle()
		}
	}
}

// close writes what the line holds and the last words, if there are any, and
// then closes the connection; what takes longer than a moment is lost. It does
// not wait.
func (l *line) close(last func([]byte) []byte) {
	buf, ok := l.begin(false)
	if !ok {
		return
	}
	if last != nil {
		before := len(buf)
		if buf = last(buf); len(buf) > before {
			l.sent.packets++
		}
	}
	l.closing = true
	l.room.Broadcast()
	l.commit(buf)
	_ = l.conn.SetDeadline(time.Now().Add(lingering)) // a closed connection needs none
	l.flush()
}

// end closes the connection, after the last words if there are any, and waits
// for those who write to it.
func (l *line) end() {
	l.mu.Lock()
	for l.closing && l.writing && !l.closed {
		l.room.Wait()
	}
	l.closeLocked()
	l.mu.Unlock()
	l.writers.Wait()
}

func (l *line) closeLocked() {
	if l.closed {
		return
	}
	l.closing, l.closed, l.buf = true, true, nil
	l.room.Broadcast()
	if l.raw != nil {
		_ = l.conn.Close() // there is nobody left to tell
		return
	}
	l.writers.Go(func() { hangUp(l.conn) }) // it may wait, and the lock is held
}
