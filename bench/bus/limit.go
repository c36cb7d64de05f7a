package main

import (
	"math"
	"time"
)

// scattered are the places of 20 floats of a device.
var scattered = []int{0, 2, 4, 12, 14, 30, 32, 34, 36, 52, 60, 62, 78, 80, 82, 100, 102, 120, 122, 140}

// block is one read.
type block struct{ first, count int }

// wire is a line at 8N1: the time of a character and the silence between frames.
type wire struct{ char, silence time.Duration }

func newWire(baud int) wire {
	w := wire{char: 10 * time.Second / time.Duration(baud), silence: 1750 * time.Microsecond}
	if baud <= 19200 {
		w.silence = 7 * w.char / 2
	}
	return w
}

// read is what a read of so many registers takes, from a device that answers
// once it knows by a silence that the request has ended.
func (w wire) read(registers int) time.Duration {
	return 8*w.char + w.silence + time.Duration(5+2*registers)*w.char + w.silence
}

// best are the reads of floats that take the least time, and the time.
func (w wire) best(floats []int) ([]block, time.Duration) {
	least := make([]time.Duration, len(floats)+1)
	from := make([]int, len(floats)+1)
	for j := 1; j <= len(floats); j++ {
		least[j] = math.MaxInt64
		for i := range j {
			count := floats[j-1] + 2 - floats[i]
			if t := least[i] + w.read(count); count <= 125 && t < least[j] {
				least[j], from[j] = t, i
			}
		}
	}
	var blocks []block
	for j := len(floats); j > 0; j = from[j] {
		i := from[j]
		blocks = append(blocks, block{floats[i], floats[j-1] + 2 - floats[i]})
	}
	return blocks, least[len(floats)]
}

// limit is how many floats a second the line carries at most.
func (w wire) limit() float64 {
	_, t := w.best(scattered)
	return float64(len(scattered)) / t.Seconds()
}
