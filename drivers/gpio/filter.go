package gpio

import "time"

// filter debounces one line: it lets a level through once the line has held it
// for a time. It has no clock and no timer of its own.
type filter struct {
	hold  time.Duration
	known bool      // the two below mean something
	level bool      // let through
	next  bool      // since the last edge; equal to level if nothing is pending
	since time.Time // the instant of that edge
	alarm time.Time // when next will have held, by our clock
}

// change is a level that was let through, and since when the line has it.
type change struct {
	level bool
	at    time.Time
}

// start sets the level of a line of which nothing was known.
func (f *filter) start(level bool) {
	if !f.known {
		f.known, f.level, f.next = true, level, level
	}
}

// edge takes a change of the line at an instant, of which we hear now. Both
// are needed: after a pause of ours edges come all at once, and their own
// times tell what had held between them.
func (f *filter) edge(level bool, at, now time.Time) (passed change, ok bool) {
	f.start(!level)
	if level == f.next {
		return change{}, false // an edge between was lost
	}
	if f.next != f.level && at.Sub(f.since) >= f.hold {
		passed, ok = f.pass(), true
	}
	f.next, f.since, f.alarm = level, at, now.Add(f.hold)
	if f.hold == 0 {
		passed, ok = f.pass(), true
	}
	return passed, ok
}

// settle lets a pending level through when its time has come.
func (f *filter) settle(now time.Time) (passed change, ok bool) {
	if due, pending := f.due(); !pending || now.Before(due) {
		return change{}, false
	}
	return f.pass(), true
}

// due is when settle has something to do.
func (f *filter) due() (at time.Time, pending bool) { return f.alarm, f.next != f.level }

func (f *filter) pass() change {
	f.level = f.next
	return change{f.level, f.since}
}
