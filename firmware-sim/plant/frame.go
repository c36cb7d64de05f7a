package plant

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"fieldmq/firmware-sim/signal"
)

// Field is a binary value in a message.
type Field struct {
	Name   string // for values that differ
	Point  string // the one of the Order that sets it; empty: none does
	At     int    // its first byte
	Type   string // uint8 ... int64, float32, float64, bcd, string
	Little bool   // its lowest byte comes first
	Length int    // of a bcd or a string, in bytes
	Bit    int    // the bit that it is; below zero: it is the number
	Unit   string // UCUM
	// The bytes hold (value - Offset) / Scale. A Scale of zero is one.
	Scale, Offset float64
	Enum          []int64 // as those of a Point
	Flags         []int
}

// point describes the value as a Point is described.
func (f *Field) point() Point { return Point{Unit: f.Unit, Enum: f.Enum, Flags: f.Flags} }

func (f *Field) worded() bool { p := f.point(); return p.worded() }

// model is how the value moves.
func (f *Field) model(seed uint64) func(time.Duration) float64 {
	p := f.point()
	if p.worded() {
		return p.meaning(seed)
	}
	return quantity(p, seed)
}

// Sum is a checksum of a message. Bytes count from 0, or with negative numbers
// from the end of the message, without its delimiter.
type Sum struct {
	Type   string // sum8, xor8, lrc, crc8, crc8-maxim, crc16-modbus, crc16-ccitt, crc16-xmodem
	From   int
	To     *int // the last byte that is summed; nil: the one before the checksum
	At     *int // nil: at the end
	Little bool
	Hex    bool
}

// render is what a frame's message is at an instant: its text with numbers that
// move, its fields, and over all the checksum.
func (p *Plant) render(f Frame, held *held) func(time.Duration) []byte {
	text := func(time.Duration) []byte { return []byte(f.Text) }
	if f.Moves {
		text = p.moving(f.Text)
	}
	values := make([]func(time.Duration) float64, len(f.Fields))
	for i, field := range f.Fields {
		values[i] = field.model(signal.Seed(p.seed, f.Request, field.Name))
	}
	return func(t time.Duration) []byte {
		message, now := held.fill(text(t), f.Slots), p.elapsed()
		body := bytes.Clone(message[:len(message)-f.Ends])
		const most = 200
		for again := range most { // a little less each time, or the next word, until no mark comes by chance
			for i, field := range f.Fields {
				if v, set := held.number(field); set {
					field.put(body, v)
					continue
				}
				if field.worded() {
					field.put(body, values[i](now+time.Duration(again)*slow))
					continue
				}
				field.put(body, values[i](now)*(1-float64(again)/most))
			}
			if !f.cutShort(body) {
				break
			}
		}
		if f.Sum != nil {
			f.Sum.put(body)
		}
		return append(body, message[len(message)-f.Ends:]...)
	}
}

// cutShort says whether a mark stands where it does not belong: by chance, within
// a value.
func (f *Frame) cutShort(body []byte) bool {
	for _, mark := range f.Marks {
		if bytes.Contains(body[f.Head:f.MarkAt], []byte(mark)) {
			return true
		}
	}
	return false
}

// put writes a value into a message that is long enough for it.
func (f *Field) put(message []byte, value float64) {
	size := f.size()
	if f.At < 0 || f.At+size > len(message) {
		return
	}
	place := message[f.At : f.At+size]
	if f.Type == "string" {
		copy(place, fmt.Sprintf("%-*.*s", size, size, f.Name))
		return
	}
	scale := f.Scale
	if scale == 0 {
		scale = 1
	}
	raw := (value - f.Offset) / scale
	if f.Bit >= 0 {
		bit := byte(0)
		if math.Mod(math.Abs(raw), 2) >= 1 {
			bit = 1
		}
		at := size - 1 - f.Bit/8
		if f.Little {
			at = f.Bit / 8
		}
		place[at] = place[at]&^(1<<(f.Bit%8)) | bit<<(f.Bit%8)
		return
	}
	bits := f.bits(raw)
	for i := range place {
		shift := 8 * (size - 1 - i)
		if f.Little {
			shift = 8 * i
		}
		place[i] = byte(bits >> shift)
	}
}

func (f *Field) size() int {
	switch {
	case f.Type == "bcd" || f.Type == "string":
		return max(1, f.Length)
	case strings.HasSuffix(f.Type, "16"):
		return 2
	case strings.HasSuffix(f.Type, "32"):
		return 4
	case strings.HasSuffix(f.Type, "64"):
		return 8
	}
	return 1
}

// bits is a number as it stands in the bytes.
func (f *Field) bits(raw float64) uint64 {
	switch f.Type {
	case "float32":
		return uint64(math.Float32bits(float32(raw)))
	case "float64":
		return math.Float64bits(raw)
	case "bcd":
		n, most := uint64(math.Round(math.Abs(raw))), uint64(math.Pow10(2*f.size()))
		out := uint64(0)
		for i, n := 0, n%most; i < 2*f.size(); i, n = i+1, n/10 {
			out |= n % 10 << (4 * i)
		}
		return out
	}
	width := 8 * f.size()
	if strings.HasPrefix(f.Type, "int") {
		limit := math.Pow(2, float64(width-1))
		return uint64(int64(math.Round(min(max(raw, -limit), limit-1))))
	}
	return uint64(math.Round(min(max(raw, 0), math.Pow(2, float64(width))-1)))
}

// put writes the checksum into a message, where it fits.
func (s *Sum) put(message []byte) {
	width := 1
	if strings.HasPrefix(s.Type, "crc16") {
		width = 2
	}
	if s.Hex {
		width *= 2
	}
	place := func(i int) int {
		if i < 0 {
			return len(message) + i
		}
		return i
	}
	at := len(message) - width
	if s.At != nil {
		at = place(*s.At)
	}
	from, to := place(s.From), at
	if s.To != nil {
		to = place(*s.To) + 1
	}
	if from < 0 || from > to || to > len(message) || at < 0 || at+width > len(message) {
		return
	}
	sum := s.over(message[from:to])
	raw := []byte{byte(sum)}
	if strings.HasPrefix(s.Type, "crc16") {
		raw = []byte{byte(sum >> 8), byte(sum)}
		if s.Little {
			raw = []byte{byte(sum), byte(sum >> 8)}
		}
	}
	if s.Hex {
		raw = []byte(strings.ToUpper(hex.EncodeToString(raw)))
	}
	copy(message[at:], raw)
}

// over is the checksum of some bytes, by the definitions of their makers.
func (s *Sum) over(b []byte) uint16 {
	switch s.Type {
	case "xor8":
		x := byte(0)
		for _, c := range b {
			x ^= c
		}
		return uint16(x)
	case "crc8":
		return divide(b, 8, 0x07, 0, false)
	case "crc8-maxim":
		return divide(b, 8, 0x31, 0, true)
	case "crc16-modbus":
		return divide(b, 16, 0x8005, 0xFFFF, true)
	case "crc16-ccitt":
		return divide(b, 16, 0x1021, 0xFFFF, false)
	case "crc16-xmodem":
		return divide(b, 16, 0x1021, 0, false)
	}
	total := 0
	for _, c := range b {
		total += int(c)
	}
	if s.Type == "lrc" {
		total = -total
	}
	return uint16(byte(total))
}

// divide is the remainder of a polynomial division bit by bit; reflected takes
// each byte's lowest bit first and turns the remainder around.
func divide(b []byte, width int, polynomial, remainder uint32, reflected bool) uint16 {
	top := uint32(1) << (width - 1)
	for _, c := range b {
		for i := range 8 {
			bit := uint32(c>>(7-i)) & 1
			if reflected {
				bit = uint32(c>>i) & 1
			}
			carry := (remainder&top != 0) != (bit == 1)
			remainder = remainder << 1 & (top<<1 - 1)
			if carry {
				remainder ^= polynomial
			}
		}
	}
	if !reflected {
		return uint16(remainder)
	}
	turned := uint32(0)
	for i := range width {
		turned |= remainder >> i & 1 << (width - 1 - i)
	}
	return uint16(turned)
}
