package serial

import (
	"errors"
	"time"

	"fieldmq/configs"
)

// Frame is how the bytes on a line fall apart: at a delimiter (line), after a
// number of bytes (length), between two marks (start and end), or at a silence
// (gap).
type Frame struct {
	// Line is the text between two frames: "\r\n". After the default LF a CR
	// before it goes too.
	Line Bytes `yaml:"line"`
	// Length is the number of bytes of a frame, start included.
	Length int `yaml:"length" check:"min=0,max=4096"`
	// Start are the bytes, in hex, that a frame begins with: "02".
	Start Hex `yaml:"start"`
	// End are the bytes, in hex, that a frame ends with: "03".
	End Hex `yaml:"end"`
	// Tail is the number of bytes after the end that belong to the frame, such
	// as a checksum. Default 0.
	Tail int `yaml:"tail" check:"min=0,max=16"`
	// Gap is the silence that ends a frame. It must be longer than any pause
	// within one; some adapters deliver bytes every 16ms.
	Gap configs.Duration `yaml:"gap" check:"max=10s"`
	// Max is the longest frame in bytes; what is longer is skipped. Default 1024.
	Max int `yaml:"max" check:"min=1,max=4096"`
	// Checksum is checked for each frame; a frame with a wrong one is skipped.
	// Default: none.
	Checksum *Checksum `yaml:"checksum"`
}

const (
	defaultMax = 1024
	// quiet is a silence after which nobody is within a frame of fixed length.
	quiet = 100 * time.Millisecond
)

// Validate finds what contradicts itself.
func (f *Frame) Validate() error {
	kinds := 0
	for _, given := range []bool{len(f.Line) > 0, f.Length > 0, len(f.End) > 0, f.Gap > 0} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		return configs.Bad("", "takes one of line, length, start with end, and gap")
	}
	var faults []error
	bad := func(wrong bool, key, text string) {
		if wrong {
			faults = append(faults, configs.Bad(key, "%s", text))
		}
	}
	bad(len(f.End) > 0 && len(f.Start) == 0, "end", "needs start")
	bad(len(f.Start) > 0 && len(f.End) == 0 && f.Length == 0, "start", "needs end or length")
	bad(f.Length > 0 && f.Length <= len(f.Start), "length", "is no more than start")
	bad(f.Length > f.limit(), "length", "is more than max")
	bad(f.Tail > 0 && len(f.End) == 0, "tail", "needs end, behind which it stands")
	bad(f.Checksum != nil && f.Length > 0 && !f.Checksum.within(f.Length), "checksum", "does not lie within length")
	return errors.Join(faults...)
}

func (f *Frame) limit() int {
	if f.Max == 0 {
		return max(defaultMax, f.Length)
	}
	return f.Max
}

// delimiter is what stands between two lines.
func (f *Frame) delimiter() []byte {
	if len(f.Line) == 0 {
		return []byte("\n")
	}
	return f.Line
}

// silence is how long the line must be silent for it to mean something.
func (f *Frame) silence() time.Duration {
	if f.Gap > 0 {
		return f.Gap.D()
	}
	return quiet
}

// genuine says whether a frame's checksum, if it has one, is right.
func (f *Frame) genuine(frame []byte) bool {
	return f.Checksum == nil || f.Checksum.verify(frame)
}
