//go:build linux

package main

import (
	"os"
	"path/filepath"
	"time"
)

// fault is something that goes wrong, as a schedule.
type fault struct {
	name      string
	what      string
	run       func(*world) error
	window    string        // the cloud's receive maximum
	delay     time.Duration // of the line, one way
	disk      int           // size of the gateway's disk in bytes; 0: large
	fake      bool          // the cloud is ours
	cloudDies bool
	clock     bool // the gateway's clock is ours
	fieldmq   bool // mosquitto is not asked
	policy    string
}

func (f fault) concerns(peer string) bool { return !f.fieldmq || peer == "fieldmq" }

// full is what is to give way when there is no room.
func (f fault) full() string {
	if f.policy == "" {
		return "drop-oldest"
	}
	return f.policy
}

const oneMB = 1 << 20

// faults are all that the program knows, in the order of its table.
var faults = []fault{
	{name: "healthy", what: "100 messages a second, nothing goes wrong", window: "100", run: healthy},
	{name: "cut", what: "the line is cut for an outage", window: "1000", run: func(w *world) error { return w.outage(w.gone) }},
	{name: "blackhole", what: "nothing passes for an outage, and nobody is told", window: "1000", run: func(w *world) error { return w.outage(w.swallowed) }},
	{name: "halfopen", what: "the cloud's end of the connection dies silently, twice", window: "1000", run: halfOpen},
	{name: "slow", what: "a line of 20 kB/s for an outage", window: "100", run: slow},
	{name: "rtt50", what: "50 ms round trip, cut for half an outage", window: "100", delay: 25 * time.Millisecond, run: func(w *world) error {
		w.options.outage /= 2
		return w.outage(w.gone)
	}},
	{name: "kills", what: "two kills while the line is up", window: "1000", run: kills},
	{name: "cutkill", what: "the line is cut, two kills in the outage", window: "1000", run: cutKill},
	{name: "random", what: "kills at random moments, the line comes and goes", window: "1000", run: random},
	{name: "cloudkill", what: "the cloud is killed twice", window: "1000", cloudDies: true, run: cloudKill},
	{name: "stolen", what: "another client takes the client id", window: "1000", run: stolen},
	{name: "nack", what: "the cloud answers quota exceeded for 3 s", fake: true, fieldmq: true, run: nack},
	{name: "full", what: "the disk fills up in an outage, and a kill", window: "1000", disk: 24 * oneMB, policy: "refuse", run: full},
	{name: "scribble", what: "noise or zeros behind the log after a kill, five times", window: "1000", fieldmq: true, run: func(w *world) error { return w.damage(w.scribble) }},
	{name: "torn", what: "the log is cut short after a kill, five times", window: "1000", fieldmq: true, run: func(w *world) error { return w.damage(w.tear) }},
	{name: "flip", what: "a bit of the log turns round after a kill, five times", window: "1000", fieldmq: true, run: func(w *world) error { return w.damage(w.flip) }},
	{name: "clock", what: "the clock jumps years and back in an outage with a kill", window: "1000", clock: true, fieldmq: true, run: clock},
	{name: "deep", what: "a great many messages wait", window: "1000", fieldmq: true, run: deep},
}

func healthy(w *world) error {
	w.pub.pace(100, 20)
	w.sleep(2 * w.options.outage)
	return nil
}

// gone cuts the line and mends it.
func (w *world) gone(begin bool) { w.uplink(!begin) }

// swallowed lets nothing pass.
func (w *world) swallowed(begin bool) {
	if begin {
		w.faults++
	}
	w.proxy.change(func() { w.proxy.hole = begin })
}

// outage breaks the line for a while and measures what comes behind.
func (w *world) outage(line func(begin bool)) error {
	const calm = 5 * time.Second
	w.sleep(calm)
	line(true)
	began := time.Now()
	w.sleep(w.options.outage)
	if shortest, tries := w.proxy.fastest(began); tries > 1 && shortest < time.Second {
		w.note("tries to connect %v apart", shortest.Round(time.Millisecond))
	}
	line(false)
	w.judge.mark()
	w.sleep(calm)
	return nil
}

func halfOpen(w *world) error {
	for range 2 {
		w.sleep(5 * time.Second)
		w.faults++
		w.proxy.halfOpen()
		w.judge.mark()
		w.sleep(w.options.outage / 2)
	}
	return nil
}

func slow(w *world) error {
	w.sleep(2 * time.Second)
	w.proxy.change(func() { w.proxy.speed = 20_000 })
	w.sleep(w.options.outage)
	w.proxy.change(func() { w.proxy.speed = 0 })
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

func kills(w *world) error {
	for range 2 {
		w.sleep(5 * time.Second)
		if err := w.crash(); err != nil {
			return err
		}
		w.judge.mark()
	}
	w.sleep(5 * time.Second)
	return nil
}

func cutKill(w *world) error {
	w.sleep(3 * time.Second)
	w.uplink(false)
	for range 2 {
		w.sleep(w.options.outage / 2)
		if err := w.crash(); err != nil {
			return err
		}
	}
	w.uplink(true)
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

func random(w *world) error {
	up := true
	for range w.options.kills {
		w.sleep(time.Duration(100+w.rand.IntN(900)) * time.Millisecond)
		if w.rand.IntN(3) == 0 {
			up = !up
			w.uplink(up)
		}
		if err := w.crash(); err != nil {
			return err
		}
	}
	w.uplink(true)
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

func cloudKill(w *world) error {
	for range 2 {
		w.sleep(5 * time.Second)
		w.faults++
		w.cloud.kill()
		w.judge.forget()
		w.sleep(time.Second)
		if err := w.cloud.start(); err != nil {
			return err
		}
		w.judge.mark()
	}
	w.sleep(5 * time.Second)
	return nil
}

func stolen(w *world) error {
	w.sleep(5 * time.Second)
	w.faults++
	thief, err := dial(w.cloud.addr, "box", 100)
	if err != nil {
		return err
	}
	w.judge.mark()
	w.sleep(time.Second)
	_ = thief.conn.Close() // it had its fun
	w.sleep(w.options.outage)
	return nil
}

func nack(w *world) error {
	w.sleep(3 * time.Second)
	w.fake.nacking.Store(true)
	w.sleep(3 * time.Second)
	w.fake.nacking.Store(false)
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

// full leaves the disk no room in the middle of an outage and kills the gateway
// there.
func full(w *world) error {
	w.sleep(2 * time.Second)
	w.uplink(false)
	w.sleep(w.options.outage / 4)
	free, err := w.ballast(2 * oneMB)
	if err != nil {
		return err
	}
	w.pub.pace(5*w.options.rate, 20) // until nothing fits any more
	w.sleep(w.options.outage / 2)
	w.note("%d acknowledged when the disk was full", w.judge.acknowledged())
	w.pub.pace(w.options.rate, 20)
	if err := w.crash(); err != nil {
		return err
	}
	w.sleep(w.options.outage / 4)
	if err := free(); err != nil {
		return err
	}
	w.uplink(true)
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

// damage kills the gateway in an outage and spoils its files before it comes
// back, again and again.
func (w *world) damage(spoil func() error) error {
	w.sleep(2 * time.Second)
	w.uplink(false)
	for range 5 {
		w.sleep(2 * time.Second)
		w.gateway.kill()
		if err := spoil(); err != nil {
			return err
		}
		if err := w.gateway.start(); err != nil {
			return err
		}
	}
	w.uplink(true)
	w.judge.mark()
	w.sleep(5 * time.Second)
	return nil
}

// clock lets the clock be wrong as that of a box without a battery is: far
// behind when it starts, right later, and a little back when it is set.
func clock(w *world) error {
	w.sleep(2 * time.Second)
	w.uplink(false)
	const year = 365 * 24 * time.Hour
	for i, by := range []time.Duration{-10 * year, 0, -time.Hour, 5 * year, 0} {
		if err := w.jump(by); err != nil {
			return err
		}
		w.sleep(2 * time.Second)
		if i != 2 {
			continue
		}
		if err := w.crash(); err != nil {
			return err
		}
	}
	w.uplink(true)
	w.judge.mark()
	if err := w.jump(-5 * time.Minute); err != nil {
		return err
	}
	w.sleep(5 * time.Second)
	return nil
}

// deep lets very many messages wait, and looks what that costs.
func deep(w *world) error {
	w.uplink(false)
	w.pub.size = 100
	w.pub.pace(0, 1000)
	if err := w.await(time.Minute, func() bool { return w.judge.acknowledged() >= w.options.million }, w.judge.acknowledged); err != nil {
		return err
	}
	w.pub.pace(w.options.rate, 20)
	w.note("%s resident with %d waiting, %s on disk", bytesText(w.gateway.resident()), w.options.million, bytesText(diskUse(w.data)))
	if err := w.crash(); err != nil {
		return err
	}
	w.sleep(time.Second)
	w.note("%s after a kill", bytesText(w.gateway.resident()))
	w.uplink(true)
	w.judge.mark()
	return nil
}

// diskUse is what the files of a folder take, in bytes.
func diskUse(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
