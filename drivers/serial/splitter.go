package serial

import "bytes"

// splitter cuts the bytes of a line into frames. It holds no more than the
// longest frame and one push, whatever comes.
type splitter struct {
	*Frame
	buf  []byte // begins where a frame may begin
	lost bool   // buf is within a frame whose beginning we have not seen
	faults
}

// faults count what was on the line and made no value.
type faults struct {
	garbage   int // bytes that belong to no frame
	checksum  int // frames with a wrong one
	unmatched int // frames that no point takes
}

func newSplitter(f *Frame) *splitter { return &splitter{Frame: f, lost: true} }

// explain says why there is no value. Bytes whose frame does not end are heard, too:
// the delimiter may be another one.
func (s *splitter) explain() error {
	if s.faults == (faults{}) && len(s.buf) > 0 {
		return errGarbage
	}
	return s.faults.explain()
}

// push takes bytes as they come and calls emit for each frame they complete.
// The frame is emit's until it returns.
func (s *splitter) push(p []byte, emit func(frame []byte)) {
	s.buf = append(s.buf, p...)
	rest := s.buf
	for {
		frame, n := s.cut(rest)
		if n == 0 {
			break
		}
		if frame != nil {
			emit(frame)
		} else {
			s.garbage += n
		}
		rest = rest[n:]
	}
	s.buf = append(s.buf[:0], rest...)
}

// silence tells that the line was silent for Frame.silence.
func (s *splitter) silence(emit func(frame []byte)) {
	switch {
	case s.Gap > 0:
		if len(s.buf) > 0 && !s.lost && s.check(s.buf) {
			emit(s.buf)
		}
		s.drop()
	case s.Length > 0:
		s.drop() // the bytes of such a frame come in one go
	case len(s.buf) == 0:
		s.lost = false
	}
}

// drop forgets what was not a frame yet: the next byte begins one.
func (s *splitter) drop() { s.buf, s.lost = s.buf[:0], false }

// cut looks for a frame at the beginning of in, and says how many bytes are
// used up: with no frame they are garbage, and none means that more must come.
func (s *splitter) cut(in []byte) (frame []byte, n int) {
	switch {
	case s.Gap > 0:
		return s.cutGap(in)
	case s.Length > 0:
		return s.cutLength(in)
	case len(s.End) > 0:
		return s.cutMarks(in)
	}
	return s.cutLine(in)
}

func (s *splitter) cutLine(in []byte) ([]byte, int) {
	delimiter := s.delimiter()
	i := bytes.Index(in, delimiter)
	if i < 0 {
		return s.overflow(in, s.limit()+len(delimiter), len(delimiter)-1) // a CR may go yet
	}
	n := i + len(delimiter)
	frame := in[:i:i]
	if len(s.Line) == 0 {
		frame = bytes.TrimSuffix(frame, []byte("\r"))
	}
	lost := s.lost
	s.lost = false
	if lost || len(frame) > s.limit() || !s.check(frame) {
		return nil, n
	}
	return frame, n
}

// overflow drops what is too long for a frame, but the last bytes, which may
// be the beginning of a delimiter.
func (s *splitter) overflow(in []byte, most, keep int) ([]byte, int) {
	if len(in) <= most {
		return nil, 0
	}
	s.lost = true
	return nil, len(in) - keep
}

func (s *splitter) cutGap(in []byte) ([]byte, int) { return s.overflow(in, s.limit(), 0) }

func (s *splitter) cutLength(in []byte) ([]byte, int) {
	if len(s.Start) > 0 {
		if n := s.untilStart(in); n > 0 {
			return nil, n
		}
	} else if s.lost && s.Checksum == nil {
		return nil, len(in) // nothing but a silence shows where a frame begins
	}
	if len(in) < s.Length {
		return nil, 0
	}
	if frame := in[:s.Length:s.Length]; s.check(frame) {
		s.lost = false
		return frame, s.Length
	}
	return nil, 1
}

func (s *splitter) cutMarks(in []byte) ([]byte, int) {
	if n := s.untilStart(in); n > 0 {
		return nil, n
	}
	if len(in) < len(s.Start) {
		return nil, 0
	}
	body := in[len(s.Start):]
	i := bytes.Index(body, s.End)
	again := bytes.LastIndex(body[:max(i, 0)], s.Start)
	n := len(s.Start) + i + len(s.End) + s.Tail
	switch {
	case i < 0 && len(in) > s.limit(), i >= 0 && n > s.limit():
		return nil, 1
	case i == 0 && bytes.Equal(s.Start, s.End):
		return nil, len(s.Start) // that was the end of one, this is the start
	case again >= 0:
		return nil, len(s.Start) + again // the first one was cut off
	case i < 0 || len(in) < n:
		return nil, 0
	}
	if frame := in[:n:n]; s.check(frame) {
		return frame, n
	}
	return nil, 1
}

// untilStart is the number of bytes before the first place where a frame may
// begin.
func (s *splitter) untilStart(in []byte) int {
	if i := bytes.Index(in, s.Start); i >= 0 {
		return i
	}
	for n := max(0, len(in)-len(s.Start)+1); ; n++ {
		if bytes.HasPrefix(s.Start, in[n:]) {
			return n
		}
	}
}

func (s *splitter) check(frame []byte) bool {
	ok := s.genuine(frame)
	if !ok {
		s.faults.checksum++
	}
	return ok
}
