package plant

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// held is what commands have set on a serial bus.
type held struct {
	mu     sync.Mutex
	values map[string][]byte // by point, as they stood in the command
}

// obey keeps the value of a command. One without a value changes nothing.
func (h *held) obey(point string, value []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(value) > 0 {
		h.values[point] = bytes.Clone(value)
	}
}

func (h *held) get(point string) (value []byte, set bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	value, set = h.values[point]
	return value, set
}

// fill puts values that were set into a text, the last one first, for they may
// change its length. The caller owns what is returned.
func (h *held) fill(text []byte, slots []Slot) []byte {
	text = bytes.Clone(text)
	for _, s := range slices.Backward(slots) {
		value, set := h.get(s.Point)
		if !set {
			continue
		}
		if s.Fixed {
			value = append(bytes.Clone(value), bytes.Repeat([]byte(" "), s.Length)...)[:s.Length]
		}
		text = slices.Replace(text, s.At, s.At+s.Length, value...)
	}
	return text
}

// number is what was set of a binary field, in the unit of its point.
func (h *held) number(f Field) (v float64, set bool) {
	text, set := h.get(f.Point)
	if !set {
		return 0, false
	}
	raw, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(string(text)), ",", ".", 1), 64)
	if err != nil {
		return 0, false
	}
	scale := f.Scale
	if scale == 0 {
		scale = 1
	}
	return raw*scale + f.Offset, true
}
