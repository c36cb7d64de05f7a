package packet

import (
	"errors"
	"io"
)

// Sizes of a Reader's buffer in bytes: an idle connection keeps the small one,
// a busy one reads up to the large one at once. Only a packet that is itself
// larger makes it grow beyond.
const (
	smallBuffer = 2 << 10
	largeBuffer = 64 << 10
	idleReads   = 32 // so many small reads in a row give a large buffer back
)

// MaxPacket is the size in bytes of the largest packet there can be.
const MaxPacket = 268_435_455 + 5

// Source is what a Reader with lent buffers reads from: a reader that takes the
// place to read into once there may be something to read, and gives it up while
// it waits.
type Source interface {
	ReadInto(p Place) (n int, err error)
}

// Place is where a Source reads to. Room may be asked for again and again; Rest
// says that there is nothing to read.
type Place interface {
	Room() []byte
	Rest()
}

// Reader cuts control packets out of a stream. It is for one goroutine.
type Reader struct {
	r          io.Reader
	source     Source   // nil: r
	buffers    *Buffers // that lend buf; nil: it is the reader's own
	wide       bool     // the next one that is lent is to be large
	max        int
	buf        []byte
	start, end int // what of buf is read and not yet cut
	version    Version
	small      int         // reads in a row that a small buffer would have taken
	onPart     func(n int) // see OnPart
}

// NewReader reads from r packets of at most max bytes, header included.
func NewReader(r io.Reader, max int) *Reader {
	return &Reader{r: r, max: min(max, MaxPacket), buf: make([]byte, smallBuffer)}
}

// NewLentReader is NewReader with buffers that are lent while there is something
// in them: an idle peer occupies none.
func NewLentReader(s Source, max int, b *Buffers) *Reader {
	return &Reader{source: s, max: min(max, MaxPacket), buffers: b}
}

// SetVersion says what the peer speaks. What is said before counts as the
// newest.
func (r *Reader) SetVersion(v Version) { r.version = v }

// SetMax changes the size of the largest packet, from the next one on.
func (r *Reader) SetMax(max int) { r.max = min(max, MaxPacket) }

// OnPart has f called with the number of bytes that have come, each time some do
// that go on with a packet which had begun before.
func (r *Reader) OnPart(f func(n int)) { r.onPart = f }

// Next returns the next packet and waits for it. It fails with an *Error if
// the stream cannot be MQTT or the packet is too large, with the stream's error
// otherwise; io.ErrUnexpectedEOF says that it ended within a packet.
func (r *Reader) Next() (Frame, error) {
	for {
		f, size, err := cut(r.buf[r.start:r.end], r.max, r.version)
		if err != nil {
			return Frame{}, err
		}
		if size > 0 {
			r.start += size
			return f, nil
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) && r.end > r.start {
				err = io.ErrUnexpectedEOF
			}
			return Frame{}, err
		}
	}
}

// Buffered says whether Next has a packet, or a fault, without reading.
func (r *Reader) Buffered() bool {
	_, size, err := cut(r.buf[r.start:r.end], r.max, r.version)
	return size > 0 || err != nil
}

func (r *Reader) fill() error {
	n, err := r.read()
	if n > 0 && r.end > r.start && r.onPart != nil {
		r.onPart(n)
	}
	r.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

func (r *Reader) read() (int, error) {
	if r.source != nil {
		return r.source.ReadInto(r)
	}
	return r.r.Read(r.Room())
}

// Room implements Place.
func (r *Reader) Room() []byte {
	if r.buf == nil {
		r.buf = r.buffers.lend(r.wide)
	}
	r.makeRoom()
	return r.buf[r.end:]
}

// Rest implements Place. Of a packet that has come in part so much is kept as
// there is.
func (r *Reader) Rest() {
	switch held := r.end - r.start; {
	case held == 0:
		r.buffers.takeBack(r.buf)
		r.buf, r.start, r.end = nil, 0, 0
	case held <= smallBuffer/2 && len(r.buf) > smallBuffer:
		r.move(smallBuffer)
		r.start, r.end = 0, held
	}
}

// makeRoom leaves place behind end. The buffer doubles only when it is full of
// bytes that have arrived, so a peer pays with traffic for what it occupies.
func (r *Reader) makeRoom() {
	held := r.end - r.start
	filled := r.end == len(r.buf)
	switch {
	case held == len(r.buf):
		r.move(2 * len(r.buf))
	case filled && len(r.buf) < largeBuffer:
		r.wide = true
		r.move(r.next())
	case r.idle() && held < smallBuffer:
		r.wide = false
		r.move(smallBuffer)
	case filled:
		copy(r.buf, r.buf[r.start:r.end])
	case held > 0:
		return
	}
	r.start, r.end = 0, held
}

// next is the size behind that of the buffer. One that is lent is small or large.
func (r *Reader) next() int {
	if r.buffers != nil {
		return largeBuffer
	}
	return min(4*len(r.buf), largeBuffer)
}

// move takes what is held to the front of a new buffer.
func (r *Reader) move(size int) {
	var buf []byte
	if r.buffers != nil && size <= largeBuffer {
		buf = r.buffers.lend(size > smallBuffer)
	} else {
		buf = make([]byte, size)
	}
	copy(buf, r.buf[r.start:r.end])
	if r.buffers != nil {
		r.buffers.takeBack(r.buf)
	}
	r.buf = buf
}

// idle says whether a large buffer has been of no use for a while.
func (r *Reader) idle() bool {
	if len(r.buf) == smallBuffer || r.end > smallBuffer {
		r.small = 0
		return false
	}
	if r.end == 0 { // it was lent just now
		return false
	}
	r.small++
	return r.small > idleReads
}

// Cut takes the first packet from b. Size is what it occupies, zero if b holds
// only a part of it. Max is the size of the largest packet that is accepted.
func Cut(b []byte, max int) (f Frame, size int, err error) { return cut(b, max, V5) }

func cut(b []byte, max int, v Version) (f Frame, size int, err error) {
	if len(b) == 0 {
		return f, 0, nil
	}
	if err := checkHeader(b[0], v); err != nil {
		return f, 0, err
	}
	length, n := 0, 0
	for {
		if len(b) == 1+n {
			return f, 0, nil
		}
		c := b[1+n]
		length |= int(c&0x7f) << (7 * n)
		n++
		if c < 0x80 {
			break
		}
		if n == 4 {
			return f, 0, malformed("remaining length of more than four bytes")
		}
	}
	if n > 1 && b[n] == 0 { // [MQTT-1.5.5-1]
		return f, 0, malformed("remaining length in more bytes than needed")
	}
	size = 1 + n + length
	if size > max {
		return f, 0, Errorf(TooLarge, "%v of %d bytes", Type(b[0]>>4), size)
	}
	if len(b) < size {
		return f, 0, nil
	}
	return Frame{Header: b[0], Body: b[1+n : size : size]}, size, nil
}
