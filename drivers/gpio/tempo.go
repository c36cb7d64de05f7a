package gpio

import "time"

// tempo is how a chip's time goes by. That of a real one is ours, which is the
// zero tempo; a recording may be played faster, and what holds a level, and how
// many pulses a second there are, goes by the time of the recording.
type tempo struct {
	start time.Time // when both times were the same
	speed float64
}

// timed is a chip with a time of its own.
type timed interface {
	time() tempo
}

// now is the chip's time.
func (t tempo) now() time.Time {
	if t.speed == 0 {
		return time.Now()
	}
	return t.start.Add(time.Duration(float64(time.Since(t.start)) * t.speed))
}

// ours is when an instant of the chip's time is.
func (t tempo) ours(at time.Time) time.Time {
	if t.speed == 0 {
		return at
	}
	return t.start.Add(time.Duration(float64(at.Sub(t.start)) / t.speed))
}
