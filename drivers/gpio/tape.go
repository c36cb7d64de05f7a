package gpio

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"fieldmq/drivers"
)

var (
	_ chip  = (*Tape)(nil)
	_ timed = (*Tape)(nil)
)

// Tape is a recorded chip, which plays its levels and edges in their order and
// in their time. What is written to its outputs stays until the recording has
// another level for them. It is opened once.
type Tape struct {
	*feed
	tempo  tempo
	events []moment
	names  map[string]int
	held   map[int]time.Duration // for which the chip debounced its lines
	counts map[int]int64         // of counters, when their lines come for the first time

	mu     sync.Mutex
	levels map[int]bool // those of now, of all lines that it has
	duties map[channel]float64
	absent map[string]bool
	played int
}

// moment is a level of a line, or the duty of a PWM output.
type moment struct {
	after time.Duration // since the beginning
	age   time.Duration // of an edge, when it was heard of
	edge  bool
	drivers.Level
	duty *drivers.Duty // nil: it is a level
}

// channel is one of a PWM chip, by their names in the configuration.
type channel struct{ chip, number string }

func channelOf(d *drivers.Duty) channel { return channel{d.Chip, strconv.Itoa(d.Channel)} }

// lead is the time before the first event, in which lines are requested.
const lead = 500 * time.Millisecond

// NewTape makes a tape of the traffic of one bus, all of which has levels or duties. It
// begins at an instant, and plays so many times faster than it was recorded.
func NewTape(lines []drivers.Traffic, begins time.Time, speed float64) *Tape {
	t := &Tape{
		feed:   newFeed(),
		tempo:  tempo{speed: speed},
		names:  map[string]int{},
		held:   map[int]time.Duration{},
		counts: map[int]int64{},
		levels: map[int]bool{},
		duties: map[channel]float64{},
		absent: map[string]bool{},
	}
	before, after := begins, time.Duration(0)
	for _, l := range lines {
		after += max(0, l.At.Sub(before)) // a clock that was set back costs no time
		before = l.At
		if l.Duty != nil {
			t.events = append(t.events, moment{after: after, duty: l.Duty})
			if _, known := t.duties[channelOf(l.Duty)]; !known {
				t.duties[channelOf(l.Duty)] = l.Duty.Percent
			}
			continue
		}
		e := moment{after: after, edge: !l.Level.Edge.IsZero(), Level: *l.Level}
		if e.edge {
			e.age = l.At.Sub(l.Level.Edge)
		}
		t.events = append(t.events, e)
		t.names[e.Name] = e.Offset
		t.held[e.Offset] = max(t.held[e.Offset], e.Held)
		if _, known := t.levels[e.Offset]; !known {
			t.levels[e.Offset] = e.High != e.edge // before an edge it was the other one
			t.counts[e.Offset] = e.Count
		}
	}
	return t
}

// Report says how far the tape is: levels and duties played and left, and lines and
// PWM outputs that were asked for and are not on it.
func (t *Tape) Report() (played, left, absent int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.played, len(t.events) - t.played, len(t.absent)
}

// start begins to play.
func (t *Tape) start() {
	t.tempo.start = time.Now()
	t.tasks.Go(t.play)
}

func (t *Tape) time() tempo { return t.tempo }

func (t *Tape) play() {
	first := t.tempo.start.Add(time.Duration(float64(lead) * t.tempo.speed))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, e := range t.events {
		due := first.Add(e.after)
		timer.Reset(time.Until(t.tempo.ours(due)))
		select {
		case <-t.quit:
			return
		case <-timer.C:
		}
		t.move(e)
		if e.edge && !t.tell(edge{e.Offset, e.High, due.Add(-e.age)}) {
			return
		}
	}
}

// move gives a line its level, or a PWM output its duty.
func (t *Tape) move(e moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.played++
	if e.duty != nil {
		t.duties[channelOf(e.duty)] = e.duty.Percent
		return
	}
	t.levels[e.Offset] = e.High
}

func (t *Tape) find(name string) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	offset, err := findLine(t.names, maxLines, name)
	if _, has := t.levels[offset]; err != nil || !has {
		t.absent[name] = true
		return 0, fmt.Errorf("the recording has no line %q", name)
	}
	return offset, nil
}

func (t *Tape) input(offset int, _, _ string, hold time.Duration) (line, error) {
	return &tapeLine{t, offset, hold > 0 && t.held[offset] >= hold}, nil
}

func (t *Tape) output(offset int, level *bool) (line, error) {
	l := &tapeLine{tape: t, offset: offset}
	if level != nil {
		return l, l.set(*level)
	}
	return l, nil
}

func (t *Tape) look(offset int) (line, error) { return &tapeLine{tape: t, offset: offset}, nil }

func (t *Tape) pwm(chip, number string, _ *wave) (dimmer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := channel{chip, number}
	if _, has := t.duties[of]; !has {
		t.absent[chip+" "+number] = true
		return nil, fmt.Errorf("the recording has no channel %s of %s", number, chip)
	}
	return &tapeDimmer{t, of}, nil
}

// Close ends the playing.
func (t *Tape) Close() error {
	close(t.quit)
	t.tasks.Wait()
	return nil
}

// tapeLine is a line of a tape.
type tapeLine struct {
	tape   *Tape
	offset int
	steady bool // the chip has debounced it when it was recorded
}

func (l *tapeLine) debounced() bool { return l.steady }

func (l *tapeLine) get() (bool, error) {
	l.tape.mu.Lock()
	defer l.tape.mu.Unlock()
	return l.tape.levels[l.offset], nil
}

func (l *tapeLine) set(level bool) error {
	l.tape.mu.Lock()
	defer l.tape.mu.Unlock()
	l.tape.levels[l.offset] = level
	return nil
}

func (l *tapeLine) Close() error { return nil }

// tapeDimmer is a PWM output of a tape.
type tapeDimmer struct {
	tape *Tape
	channel
}

func (d *tapeDimmer) duty() (float64, error) {
	d.tape.mu.Lock()
	defer d.tape.mu.Unlock()
	return d.tape.duties[d.channel], nil
}

func (d *tapeDimmer) setDuty(percent float64) error {
	d.tape.mu.Lock()
	defer d.tape.mu.Unlock()
	d.tape.duties[d.channel] = percent
	return nil
}

func (d *tapeDimmer) Close() error { return nil }
