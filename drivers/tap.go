package drivers

import (
	"slices"
	"sync/atomic"
	"time"
)

// Traffic is some bytes as they passed on a bus, or a level of a line, or the duty
// of a PWM output.
type Traffic struct {
	At    time.Time // when they were handed to the line, or came from it
	Sent  bool      // by us; else received
	Bytes []byte
	Level *Level // on a bus that has levels, and no bytes; else nil
	Duty  *Duty  // beside levels; else nil
}

// Level is what a line of a chip was found at, changed to, or was set to.
type Level struct {
	Offset int
	Name   string // the line's, as the configuration has it
	High   bool
	Edge   time.Time     // when it changed, as the chip says; zero if it was asked, or set
	Held   time.Duration // for which the chip has debounced an edge
	Count  int64         // what a counter of the line had counted before
}

// Duty is what a PWM output was found at, or was set to.
type Duty struct {
	Chip    string // as the configuration has it
	Channel int
	Percent float64
}

// Tap lets someone listen in on a bus, for recordings. Its methods may be called
// from any goroutine, and on a nil Tap, which tells nobody.
type Tap struct {
	to atomic.Pointer[func(Traffic)]
}

// Listen has a function told of all that passes from now on, in place of the
// one before; nil ends it. It must not block: the bus waits for it.
func (t *Tap) Listen(to func(Traffic)) {
	if to == nil {
		t.to.Store(nil)
		return
	}
	t.to.Store(&to)
}

// Sent tells of bytes that are about to be sent.
func (t *Tap) Sent(b []byte) { t.tell(true, b) }

// Received tells of bytes that were received.
func (t *Tap) Received(b []byte) { t.tell(false, b) }

func (t *Tap) tell(sent bool, b []byte) {
	if t == nil || len(b) == 0 {
		return
	}
	if to := t.to.Load(); to != nil {
		(*to)(Traffic{At: time.Now(), Sent: sent, Bytes: slices.Clone(b)})
	}
}

// Level tells of a level of a line.
func (t *Tap) Level(sent bool, l Level) {
	if t == nil {
		return
	}
	if to := t.to.Load(); to != nil {
		kept := l // here, so that it costs nothing while nobody listens
		(*to)(Traffic{At: time.Now(), Sent: sent, Level: &kept})
	}
}

// Duty tells of the duty of a PWM output.
func (t *Tap) Duty(sent bool, d Duty) {
	if t == nil {
		return
	}
	if to := t.to.Load(); to != nil {
		kept := d
		(*to)(Traffic{At: time.Now(), Sent: sent, Duty: &kept})
	}
}

// Tapped is implemented by Settings whose bus can be listened in on.
type Tapped interface {
	// Tapped is the tap of the bus, however often it is opened. It is called
	// for the first time before the bus is opened.
	Tapped() *Tap
}
