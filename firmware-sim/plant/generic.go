package plant

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldmq/firmware-sim/pins"
	"fieldmq/firmware-sim/signal"
	"fieldmq/firmware-sim/talker"
)

// talker is the device of a serial bus.
func (p *Plant) talker(b Bus) *talker.Talker {
	t := &talker.Talker{Faults: p.board.Add(b.Name, b.Name, serialFaults...).Also(b.Serves...)}
	set := &held{values: map[string][]byte{}}
	for _, f := range b.Frames {
		m := talker.Message{Text: p.render(f, set), Every: f.Every, Request: []byte(f.Request)}
		if o := f.Order; o != nil {
			m.Before, m.After = []byte(o.Before), []byte(o.After)
			m.Obey = func(value []byte) { set.obey(o.Point, value) }
		}
		t.Messages = append(t.Messages, m)
	}
	return t
}

var decimal = regexp.MustCompile(`[0-9]+\.[0-9]+`)

// moving makes the numbers of a text go up and down by up to a tenth without
// changing their widths.
func (p *Plant) moving(text string) func(time.Duration) []byte {
	wave := signal.New(signal.Seed(p.seed, text), 1, 0.05, 0.05)
	return func(time.Duration) []byte {
		now := wave.At(p.elapsed())
		return []byte(decimal.ReplaceAllStringFunc(text, func(number string) string {
			return scaled(number, now)
		}))
	}
}

func scaled(number string, by float64) string {
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return number
	}
	decimals := len(number) - strings.IndexByte(number, '.') - 1
	moved := fmt.Sprintf("%0*.*f", len(number), decimals, v*by)
	if len(moved) != len(number) {
		return number
	}
	return moved
}

// header is the lines of a Raspberry Pi with the movements described, and the
// lines that it does not have after them.
func header(described []Line) []pins.Line {
	lines := pins.Header()
	for i := range lines {
		lines[i] = pins.Line{Name: lines[i].Name}
	}
	for i, d := range described {
		at := slices.IndexFunc(lines, func(l pins.Line) bool { return l.Name == d.Name })
		if at < 0 {
			at = len(lines)
			lines = append(lines, pins.Line{Name: d.Name})
		}
		switch d.Moves {
		case Toggles:
			lines[at].Wiring = pins.Contact
			lines[at].Period = time.Duration(6+2*(i%5)) * time.Second
		case Counts:
			lines[at].Wiring = pins.Pulses
			lines[at].Period = time.Duration(300+50*(i%5)) * time.Millisecond
		}
	}
	return lines
}
