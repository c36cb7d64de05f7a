package serial

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"fieldmq/configs"
)

// silence stands for a silence between pushes.
const silence = "<silence>"

// split pushes texts, and returns the frames that come of them.
func split(f Frame, pushes ...string) (frames []string, s *splitter) {
	s = newSplitter(&f)
	s.silence(func([]byte) {})
	emit := func(frame []byte) { frames = append(frames, string(frame)) }
	for _, p := range pushes {
		if p == silence {
			s.silence(emit)
			continue
		}
		s.push([]byte(p), emit)
	}
	return frames, s
}

func TestSplitterFindsFrames(t *testing.T) {
	var (
		lines  = Frame{}
		crlf   = Frame{Line: Bytes("\r\n")}
		fixed  = Frame{Length: 4}
		marked = Frame{Length: 4, Start: Hex{0xAA, 0x55}}
		summed = Frame{Length: 4, Start: Hex{0x02}, Checksum: &Checksum{Type: "sum8"}}
		stx    = Frame{Start: Hex{2}, End: Hex{3}}
		bcc    = Frame{Start: Hex{2}, End: Hex{3}, Tail: 1, Checksum: &Checksum{Type: "xor8", From: 1}}
		hdlc   = Frame{Start: Hex{0x7E}, End: Hex{0x7E}}
		gap    = Frame{Gap: configs.Duration(quiet)}
		short  = Frame{Max: 4}
	)
	tests := map[string]struct {
		frame  Frame
		pushes []string
		want   []string
	}{
		"finds lines":                          {lines, []string{"a\nbc\r\n", "d", "e\n"}, []string{"a", "bc", "de"}},
		"keeps a CR within a line":             {lines, []string{"a\rb\r\r\n"}, []string{"a\rb\r"}},
		"finds a delimiter in two pieces":      {crlf, []string{"a\r", "\nb\n\r\n"}, []string{"a", "b\n"}},
		"takes empty lines":                    {crlf, []string{"\r\n\r\n"}, []string{"", ""}},
		"keeps a line over a silence":          {lines, []string{"12", silence, "34\n"}, []string{"1234"}},
		"skips a line that is too long":        {short, []string{"12345\nok\n"}, []string{"ok"}},
		"skips the end of a line too long":     {short, []string{"1234567890", "123\nok\n"}, []string{"ok"}},
		"takes a line of the longest length":   {short, []string{"1234\r\n"}, []string{"1234"}},
		"finds frames of a length":             {fixed, []string{"abcdef", "gh"}, []string{"abcd", "efgh"}},
		"drops a piece before a silence":       {fixed, []string{"ab", silence, "cdef"}, []string{"cdef"}},
		"finds a mark after garbage":           {marked, []string{"xx\xAAx\xAA", "\x55ab"}, []string{"\xAA\x55ab"}},
		"finds a frame behind a false mark":    {summed, []string{"\x02\x02ab\xC5"}, []string{"\x02ab\xC5"}},
		"skips a wrong checksum":               {summed, []string{"\x02ab\xC6\x02ab\xC5"}, []string{"\x02ab\xC5"}},
		"finds marked frames":                  {stx, []string{"x\x02ab\x03yy\x02c", "\x03"}, []string{"\x02ab\x03", "\x02c\x03"}},
		"drops a frame that was cut off":       {stx, []string{"\x0212\x0234\x03"}, []string{"\x0234\x03"}},
		"waits for the tail":                   {bcc, []string{"\x02a\x03", "b", "x"}, []string{"\x02a\x03b"}},
		"finds the next after a wrong tail":    {bcc, []string{"\x02a\x03x\x02a\x03b"}, []string{"\x02a\x03b"}},
		"finds its way between equal marks":    {hdlc, []string{"a\x7E\x7Eb\x7E", "\x7Ec\x7E"}, []string{"\x7Eb\x7E", "\x7Ec\x7E"}},
		"ends a frame at a silence":            {gap, []string{"ab", "cd", silence, silence, "e", silence}, []string{"abcd", "e"}},
		"skips what has no silence for long":   {Frame{Gap: 1, Max: 3}, []string{"ab", "cd", "e", silence, "ok", silence}, []string{"ok"}},
		"skips marks that are too far apart":   {Frame{Start: Hex{2}, End: Hex{3}, Max: 4}, []string{"\x02abcdef\x02g\x03"}, []string{"\x02g\x03"}},
		"skips a frame too long by its mark":   {Frame{Start: Hex{2}, End: Hex{3}, Max: 4}, []string{"\x02abc\x03\x02g\x03"}, []string{"\x02g\x03"}},
		"finds a frame by its checksum alone":  {Frame{Length: 3, Checksum: &Checksum{Type: "sum8"}}, []string{"xab\xC3"}, []string{"ab\xC3"}},
		"checks the sum of a line":             {Frame{Checksum: &Checksum{Type: "xor8", Hex: true}}, []string{"ab03\nab04\n"}, []string{"ab03"}},
		"skips a line too short for its check": {Frame{Checksum: &Checksum{Type: "crc16-modbus"}}, []string{"a\n"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, _ := split(tt.frame, tt.pushes...); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			// And byte by byte.
			var bytewise []string
			for _, p := range tt.pushes {
				if p == silence {
					bytewise = append(bytewise, p)
					continue
				}
				for i := range len(p) {
					bytewise = append(bytewise, p[i:i+1])
				}
			}
			if got, _ := split(tt.frame, bytewise...); !slices.Equal(got, tt.want) {
				t.Errorf("byte by byte: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFrameWhoseBeginningWasMissedIsNone(t *testing.T) {
	tests := map[string]struct {
		frame Frame
		said  string
		want  []string
	}{
		"of a line":    {Frame{}, "2.34 kg\n12.34 kg\n", []string{"12.34 kg"}},
		"of a length":  {Frame{Length: 3}, "bcabc", nil},
		"until a gap":  {Frame{Gap: 1}, "bc", nil},
		"with a start": {Frame{Length: 3, Start: Hex{'a'}}, "bcabc", []string{"abc"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			s := newSplitter(&tt.frame)
			emit := func(frame []byte) { got = append(got, string(frame)) }
			s.push([]byte(tt.said), emit)
			if tt.frame.Gap > 0 {
				s.silence(emit)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSplitterCountsWhatItSkips(t *testing.T) {
	_, s := split(Frame{Start: Hex{2}, End: Hex{3}, Checksum: &Checksum{Type: "sum8"}}, "garbage\x02a\x03")
	if s.garbage != 10 || s.faults.checksum != 1 {
		t.Errorf("got %+v", s.faults)
	}
}

// frames are one of each kind, as the fuzzer picks them.
var frames = []Frame{
	{},
	{Line: Bytes("\r\n"), Max: 16},
	{Length: 5},
	{Length: 5, Start: Hex{0xAA, 0x55}},
	{Length: 5, Start: Hex{2}, Checksum: &Checksum{Type: "crc8"}},
	{Length: 4, Checksum: &Checksum{Type: "crc16-modbus"}},
	{Start: Hex{2}, End: Hex{3}, Max: 16},
	{Start: Hex{2}, End: Hex{3}, Tail: 2, Max: 16, Checksum: &Checksum{Type: "crc16-ccitt"}},
	{Start: Hex{0x7E}, End: Hex{0x7E}, Max: 16},
	{Start: Hex{1, 2}, End: Hex{2, 1}, Tail: 1, Max: 16},
	{Gap: 1, Max: 16},
	{Max: 16, Checksum: &Checksum{Type: "xor8", Hex: true, From: 1}},
}

// FuzzSplit checks that frames hold what they promise, that memory is bounded,
// and that it does not matter in which pieces bytes come.
func FuzzSplit(f *testing.F) {
	for i := range frames {
		f.Add(uint8(i), uint8(3), []byte("\x02ab\x03\x7Ex\x7E\xAA\x55abc\r\nST 12.5\n"))
		f.Add(uint8(i), uint8(1), bytes.Repeat([]byte{2}, 40))
	}
	f.Fuzz(func(t *testing.T, kind, piece uint8, said []byte) {
		frame := frames[int(kind)%len(frames)]
		if err := frame.Validate(); err != nil {
			t.Fatal(err)
		}
		whole, _ := split(frame, string(said))
		var pieces []string
		for p := range slices.Chunk(said, int(piece)+1) {
			pieces = append(pieces, string(p))
		}
		got, s := split(frame, pieces...)
		if !slices.Equal(got, whole) {
			t.Errorf("in pieces %q, at once %q", got, whole)
		}
		if len(s.buf) > frame.limit()+frame.Tail+len(frame.delimiter())+len(frame.Start)+len(frame.End) {
			t.Errorf("%d bytes are kept", len(s.buf))
		}
		for _, g := range got {
			if len(g) > frame.limit() || !frame.genuine([]byte(g)) || !strings.Contains(string(said), g) {
				t.Errorf("frame %q", g)
			}
		}
	})
}
