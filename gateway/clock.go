package gateway

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"fieldmq/broker/mqtt"
)

// clock says whether times can be believed. A box without a battery for its
// clock starts at the time when it was switched off, or at that of its image,
// until a time server was asked.
type clock struct {
	synced func() bool // the kernel says that someone keeps its clock right
	root   string      // of the machine's files
}

func newClock() clock { return clock{kernelSynced, "/"} }

// kernelSynced asks the kernel. Where that is forbidden, the file counts that
// systemd leaves.
func kernelSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return exists("/run/systemd/timesync/synchronized")
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// birthday is before any day on which this program ran.
var birthday = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// wrong says whether the clock is wrong for all we know, and will soon be right
// or can be nothing but wrong. A clock that nobody keeps, in a plant without a
// network, is the best there is.
func (c clock) wrong(now time.Time) bool {
	switch {
	case c.synced():
		return false
	case now.Before(birthday):
		return true
	}
	return !c.hasBattery() && c.isKept()
}

// hasBattery says whether the kernel took its time from a clock of the machine.
func (c clock) hasBattery() bool {
	files, _ := filepath.Glob(filepath.Join(c.root, "sys/class/rtc/*/hctosys"))
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(text)) == "1" {
			return true
		}
	}
	return false
}

// isKept says whether a program runs that will set the clock.
func (c clock) isKept() bool {
	for _, trace := range []string{"run/systemd/timesync", "run/chrony", "run/ntpd.pid", "run/openntpd"} {
		if exists(filepath.Join(c.root, trace)) {
			return true
		}
	}
	return false
}

// waiting is what is held back until the clock is right. Its zero value waits
// for nothing.
type waiting struct {
	on    atomic.Bool
	began time.Time
	over  chan struct{} // closed when the clock is right

	mu       sync.Mutex
	messages []mqtt.Message // that were published with a wrong time, the oldest first
	lost     int
}

// mostHeld is how many messages wait; the oldest go first.
const mostHeld = 20_000

// hold keeps messages for later, and marks them; it fails if nothing is waited
// for any more.
func (w *waiting) hold(messages []mqtt.Message) (marked []mqtt.Message, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.on.Load() {
		return nil, false
	}
	w.messages = append(w.messages, messages...)
	if over := len(w.messages) - mostHeld; over > 0 {
		w.messages = append([]mqtt.Message(nil), w.messages[over:]...)
		w.lost += over
	}
	for _, m := range messages {
		m.UserProperties = append(m.UserProperties[:len(m.UserProperties):len(m.UserProperties)], unsynced)
		marked = append(marked, m)
	}
	return marked, true
}

// unsynced marks messages whose time is not to be believed.
var unsynced = mqtt.UserProperty{Name: "clock", Value: "unsynced"}

// say publishes what a bus gave. While the clock is wrong that is marked, and
// kept to be said again with the right time.
func (u *unit) say(messages []mqtt.Message) {
	if u.waiting.on.Load() {
		if marked, ok := u.waiting.hold(messages); ok {
			messages = marked
		}
	}
	u.publish(messages...)
}

// clockEvery is how often the clock is looked at while it is waited for.
const clockEvery = time.Second

// awaitClock has bridges and final times wait until the clock is right, or was
// waited for long enough, where there is something to wait for.
func (g *Gateway) awaitClock(ctx context.Context) {
	w := &g.waiting
	w.over = make(chan struct{})
	wait := g.config.General.ClockWait.D()
	if wait == 0 || !g.clock.wrong(time.Now()) {
		close(w.over)
		return
	}
	w.began = time.Now()
	w.on.Store(true)
	g.log.Warn("the clock is not set yet; upstreams and the final times of values wait for it", "at_most", wait)
	g.await.Go(func() error {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		tick := time.NewTicker(clockEvery)
		defer tick.Stop()
		for came := false; !came; {
			select {
			case <-ctx.Done():
				close(w.over)
				return nil
			case <-timer.C:
				g.log.Error("the clock is still not set; times may be wrong")
				came = true
			case <-tick.C:
				came = g.clock.synced()
			}
		}
		g.clockCame(time.Now())
		return nil
	})
}

// clockCame says again, with the right times, what was said, and lets go what
// has waited.
func (g *Gateway) clockCame(now time.Time) {
	w := &g.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	step := stepped(w.began, now)
	for _, m := range w.messages {
		g.tell(restamp(m, step))
	}
	g.log.Info("what waited for the clock goes on", "messages", len(w.messages), "lost", w.lost, "clock_set_by", step.Round(time.Millisecond))
	w.messages = nil
	w.on.Store(false)
	close(w.over)
}

// stepped is by how much the clock was set since a time: how long ago that was,
// the monotonic clock knows.
func stepped(since, now time.Time) time.Duration {
	return now.Round(0).Sub(since.Round(0)) - now.Sub(since)
}

// leadingTime is the time in the payload of states and events, which begin with it.
var leadingTime = regexp.MustCompile(`^\{"ts":(\d+)`)

// restamp is a message with its times moved.
func restamp(m mqtt.Message, by time.Duration) mqtt.Message {
	move := func(ms string) string {
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil {
			return ms
		}
		return strconv.FormatInt(n+by.Milliseconds(), 10)
	}
	m.UserProperties = slices.Clone(m.UserProperties) // messages of an answer share them
	for i, p := range m.UserProperties {
		if p.Name == "ts" {
			m.UserProperties[i].Value = move(p.Value)
		}
	}
	if at := leadingTime.FindSubmatchIndex(m.Payload); at != nil {
		m.Payload = slices.Concat(m.Payload[:at[2]], []byte(move(string(m.Payload[at[2]:at[3]]))), m.Payload[at[3]:])
	}
	return m
}
