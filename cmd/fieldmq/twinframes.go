package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"fieldmq/drivers/serial"
	"fieldmq/firmware-sim/plant"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// twinFrames are what the devices of a serial bus say: a text for each
// expression that the file looks for, a message for binary values that stand
// together, an answer to each command; in the frames of the bus, with its
// checksum.
func twinFrames(b gateway.Bus) []plant.Frame {
	t := &framer{frame: b.Settings.(*serial.Settings).Frame, said: map[string]int{}}
	for _, d := range b.Devices {
		t.binary(d)
		for _, e := range d.Points {
			t.text(e)
			t.command(e)
		}
	}
	return t.frames
}

// framer collects the frames of a bus.
type framer struct {
	frame  serial.Frame
	frames []plant.Frame
	said   map[string]int // places of messages among the frames, by request and text
}

// delimiter is what follows a frame and is no part of it.
func (t *framer) delimiter() string {
	f := t.frame
	if len(f.End) > 0 || f.Gap > 0 || f.Length > 0 {
		return ""
	}
	return cmp.Or(string(f.Line), "\n")
}

// sum is the checksum of the frames.
func (t *framer) sum() *plant.Sum {
	c := t.frame.Checksum
	if c == nil {
		return nil
	}
	return &plant.Sum{
		Type: c.Type, From: c.From, To: c.To, At: c.At, Hex: c.Hex,
		Little: c.Order == "little" || c.Order == "" && c.Type == "crc16-modbus",
	}
}

// width is the number of bytes that the checksum takes at the end of a frame.
func (t *framer) width() int {
	c := t.frame.Checksum
	if c == nil || c.At != nil || t.frame.Tail > 0 {
		return 0
	}
	n := 1
	if len(c.Type) > 5 && c.Type[:5] == "crc16" {
		n = 2
	}
	if c.Hex {
		n *= 2
	}
	return n
}

// wrap makes a frame of what a device says.
func (t *framer) wrap(body string) plant.Frame {
	f := t.frame
	text := string(f.Start) + body
	mark := len(text)
	text += string(f.End) + string(make([]byte, f.Tail+t.width()))
	if f.Length > len(text) {
		text += string(make([]byte, f.Length-len(text)))
	}
	end := t.delimiter()
	frame := plant.Frame{Text: text + end, Ends: len(end), Sum: t.sum(), Head: len(f.Start), MarkAt: mark}
	if len(f.End) > 0 {
		frame.Marks = []string{string(f.Start), string(f.End)}
	}
	return frame
}

// text is the message of a point that is found by an expression.
func (t *framer) text(e mapping.Entry) {
	at := e.Point.At.(*serial.Address)
	text, err := sampleText(at.Expression())
	if err != nil || text == "" || at.At != nil {
		return
	}
	f := t.wrap(worded(text, e))
	f.Moves = true
	said := t.add(f, string(at.Question()), e.Every, f.Text)
	if first, end, ok := at.Place(f.Text); ok && at.Writable() {
		said.Slots = append(said.Slots, plant.Slot{Point: e.Point.String(), At: first, Length: end - first, Fixed: t.frame.Length > 0})
		slices.SortFunc(said.Slots, func(a, b plant.Slot) int { return a.At - b.At })
	}
}

// worded is a text with a number in the point's place that has a word, where
// numbers have them.
func worded(text string, e mapping.Entry) string {
	at := e.Point.At.(*serial.Address)
	first, end, ok := at.Place(text)
	if !ok {
		return text
	}
	verb := "d"
	if at.Type == "hex" {
		verb = "X"
	}
	numbers := slices.Sorted(maps.Keys(e.Rule.Enum))
	for _, bit := range slices.Sorted(maps.Keys(e.Rule.Flags)) {
		numbers = append(numbers, 1<<bit)
	}
	for _, n := range numbers {
		for _, width := range []int{0, end - first} { // with leading zeros, if it must be
			number := fmt.Sprintf("%0*"+verb, width, n)
			said := text[:first] + number + text[end:]
			if from, to, found := at.Place(said); found && said[from:to] == number {
				return said
			}
		}
	}
	return text
}

// add adds a message that comes when asked for or now and then, once, and returns
// it.
func (t *framer) add(f plant.Frame, request string, every time.Duration, key string) *plant.Frame {
	f.Request = request
	if request == "" {
		f.Every = max(every/2, 100*time.Millisecond)
	}
	key = request + "\x00" + key
	at, known := t.said[key]
	if !known {
		at = len(t.frames)
		t.said[key] = at
		t.frames = append(t.frames, f)
	}
	return &t.frames[at]
}

// command is the answer to the command that writes a point.
func (t *framer) command(e mapping.Entry) {
	at := e.Point.At.(*serial.Address)
	before, after, ok := at.CommandParts()
	if !ok {
		return
	}
	var f plant.Frame
	if text, err := sampleText(at.Expect); err == nil && text != "" {
		f = t.wrap(text)
	}
	f.Order = &plant.Order{Before: string(before), After: string(after), Point: e.Point.String()}
	t.frames = append(t.frames, f)
}

// binary are the messages of a device's binary points: those that are asked for
// alike and begin alike stand in one.
func (t *framer) binary(d gateway.Device) {
	type kind struct{ request, starts string }
	groups := map[kind][]mapping.Entry{}
	var order []kind
	for _, e := range d.Points {
		at := e.Point.At.(*serial.Address)
		if at.At == nil {
			continue
		}
		k := kind{string(at.Question()), string(at.Starts)}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], e)
	}
	for _, k := range order {
		f := t.wrap(string(make([]byte, t.room(groups[k]))))
		text := []byte(f.Text)
		copy(text, t.frame.Start)
		copy(text, k.starts)
		f.Text = string(text)
		for _, e := range groups[k] {
			f.Fields = append(f.Fields, t.field(e, len(text)-f.Ends))
		}
		t.add(f, k.request, groups[k][0].Every, k.starts)
	}
}

// room is the number of bytes between the start and the end of a frame that the
// points need.
func (t *framer) room(entries []mapping.Entry) int {
	front, back := len(t.frame.Start), 0
	for _, e := range entries {
		at := e.Point.At.(*serial.Address)
		if *at.At >= 0 {
			front = max(front, *at.At+at.Width())
		} else {
			back = max(back, -*at.At)
		}
	}
	room := front - len(t.frame.Start) + back
	if t.frame.Length > 0 {
		room = min(room, max(0, t.frame.Length-len(t.frame.Start)-t.width()))
	}
	return room
}

// field is a binary point in a frame of a length.
func (t *framer) field(e mapping.Entry, length int) plant.Field {
	at := e.Point.At.(*serial.Address)
	f := plant.Field{
		Name: e.Point.Name, Point: e.Point.String(), At: *at.At, Type: cmp.Or(at.Type, "uint8"), Little: at.Order == "little", Length: at.Length,
		Bit: -1, Unit: e.Rule.Unit, Scale: e.Rule.Scale, Offset: e.Rule.Offset,
		Enum: slices.Sorted(maps.Keys(e.Rule.Enum)), Flags: slices.Sorted(maps.Keys(e.Rule.Flags)),
	}
	if f.At < 0 {
		f.At += length
	}
	if at.Bit != nil {
		f.Bit = *at.Bit
	}
	return f
}
