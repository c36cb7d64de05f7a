package gpio

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pwmTree is the folder in which the kernel shows PWM chips, see
// Documentation/ABI/testing/sysfs-class-pwm.
type pwmTree struct {
	root string
	// open opens a file to be written.
	open func(path string) (io.WriteCloser, error)
}

var kernelPWM = pwmTree{root: "/sys/class/pwm", open: func(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY, 0)
}}

// udevPatience is how long udev may take to give us the files of a channel.
const udevPatience = 2 * time.Second

// pwm makes a channel ours and has it swing as w says. A channel that does so
// already is not touched; one that is off stays off until it gets a duty.
func (t pwmTree) pwm(chip, channel string, w *wave) (dimmer, error) {
	c, err := t.channel(chip, channel)
	if err != nil {
		return nil, err
	}
	if w == nil {
		return c, nil
	}
	if err := c.export(); err != nil {
		return nil, err
	}
	if err := c.lock(); err != nil { // whoever has it gives it back
		return nil, err
	}
	if err := c.swing(*w); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// look says what keeps a channel from being had, and changes nothing.
func (t pwmTree) look(chip, channel string) error {
	c, err := t.channel(chip, channel)
	if err != nil {
		return err
	}
	path := filepath.Join(c.chip, "export")
	if _, err := os.Stat(c.dir); err == nil {
		path = filepath.Join(c.dir, "duty_cycle")
	}
	f, err := t.open(path)
	if err != nil {
		return advised(err)
	}
	return f.Close()
}

// channel is one that the chip has.
func (t pwmTree) channel(chip, number string) (*pwmChannel, error) {
	dir, err := t.find(chip)
	if err != nil {
		return nil, err
	}
	most, err := readNumber(filepath.Join(dir, "npwm"))
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || int64(n) >= most {
		return nil, fmt.Errorf("%s has no channel %s; it has %d, from 0", chip, number, most)
	}
	return &pwmChannel{tree: t, chip: dir, number: number, dir: filepath.Join(dir, "pwm"+number)}, nil
}

// find is the folder of a chip, by its own name or that of its device.
func (t pwmTree) find(name string) (string, error) {
	dirs, _ := filepath.Glob(filepath.Join(t.root, "pwmchip*")) // fails for bad patterns only
	slices.Sort(dirs)
	known := make([]string, len(dirs))
	for i, dir := range dirs {
		device := target(filepath.Join(dir, "device"))
		if name == filepath.Base(dir) || name == device || name == target(filepath.Join(dir, "device/of_node")) {
			return dir, nil
		}
		known[i] = fmt.Sprintf("%s (%s)", filepath.Base(dir), cmp.Or(device, "no device"))
	}
	if len(dirs) == 0 {
		return "", fmt.Errorf("there is no PWM chip %s: this machine shows none; on a Raspberry Pi, dtoverlay=pwm in config.txt switches it on", name)
	}
	return "", fmt.Errorf("there is no PWM chip %s; there is %s", name, strings.Join(known, ", "))
}

// target is the name of what a link points to, empty if it is none.
func target(link string) string {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// write writes one value.
func (t pwmTree) write(path, text string) error {
	f, err := t.open(path)
	if err == nil {
		_, err = io.WriteString(f, text)
		err = errors.Join(err, f.Close())
	}
	return advised(err)
}

// advised is an error with what to do where files may not be written.
func advised(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; the user must be in the group gpio, to which the udev rule 60-fieldmq.rules of the package gives PWM chips", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; the service needs ReadWritePaths=-/sys/devices", err)
	}
	return err
}

func readNumber(path string) (int64, error) {
	text, err := readWord(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

func readWord(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

// pwmChannel is a channel that the kernel shows.
type pwmChannel struct {
	tree      pwmTree
	chip, dir string // folders
	number    string
	ours      bool     // we had the kernel show it
	held      *os.File // its folder, which is locked
}

var _ dimmer = (*pwmChannel)(nil)

// export has the kernel show the channel, unless it does.
func (c *pwmChannel) export() error {
	if _, err := os.Stat(c.dir); err == nil {
		return nil
	}
	err := c.tree.write(filepath.Join(c.chip, "export"), c.number)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w: a driver of the kernel has the channel, such as one for a fan or a backlight; /sys/kernel/debug/pwm says which", err)
	}
	if err != nil {
		return err
	}
	c.ours = true
	c.await()
	return nil
}

// lock makes the channel that of one point: the kernel would let all write it, and
// a chip has several names.
func (c *pwmChannel) lock() error {
	dir, err := os.Open(c.dir)
	if err != nil {
		return err
	}
	err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		c.held = dir
		return nil
	}
	dir.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("channel %s of %s is in use by another point, perhaps under another name of the chip, or by another program", c.number, filepath.Base(c.chip))
	}
	return err
}

// await waits until the files of a channel that has just come up are ours to
// write: they are root's until udev has heard of them. If they never are, the
// first write says so.
func (c *pwmChannel) await() {
	for end := time.Now().Add(udevPatience); time.Now().Before(end) && c.closed(); {
		time.Sleep(20 * time.Millisecond)
	}
}

// closed says whether a file of the channel may not be written.
func (c *pwmChannel) closed() bool {
	for _, file := range []string{"period", "duty_cycle", "polarity", "enable"} {
		f, err := c.tree.open(filepath.Join(c.dir, file))
		if errors.Is(err, fs.ErrPermission) {
			return true
		}
		if err == nil {
			f.Close()
		}
	}
	return false
}

func (c *pwmChannel) set(file, text string) error {
	return c.tree.write(filepath.Join(c.dir, file), text)
}

func (c *pwmChannel) setNumber(file string, v int64) error {
	return c.set(file, strconv.FormatInt(v, 10))
}

// pwmState is what the kernel says of a channel; times are in nanoseconds.
type pwmState struct {
	period, duty int64
	inversed     bool
	on           bool
}

func (c *pwmChannel) state() (s pwmState, err error) {
	if s.period, err = readNumber(filepath.Join(c.dir, "period")); err != nil {
		return s, err
	}
	if s.duty, err = readNumber(filepath.Join(c.dir, "duty_cycle")); err != nil {
		return s, err
	}
	on, err := readNumber(filepath.Join(c.dir, "enable"))
	if err != nil {
		return s, err
	}
	s.on = on == 1
	polarity, err := readWord(filepath.Join(c.dir, "polarity"))
	s.inversed = polarity == "inversed"
	return s, err
}

// percent is the part of the period that the duty takes.
func (s pwmState) percent() float64 {
	if s.period == 0 {
		return 0
	}
	return float64(s.duty) * 100 / float64(s.period)
}

// share is a part of a period.
func share(period int64, percent float64) int64 {
	return int64(math.Round(float64(period) * percent / 100))
}

// swing gives the channel its period and polarity. What was on the wire goes on,
// with the same part of the time at high; a failure leaves it as it was.
func (c *pwmChannel) swing(w wave) error {
	s, err := c.state()
	if err != nil {
		return err
	}
	period := int64(w.period)
	if err := c.stretch(s, period, s.percent()); err != nil {
		return err
	}
	switch {
	case s.inversed == (w.active == activeLow):
		return nil
	case !s.on:
		return c.turn(w.active)
	}
	if err := c.set("enable", "0"); err != nil { // else the kernel turns nothing
		return err
	}
	if err := c.turn(w.active); err != nil {
		return errors.Join(err, c.set("enable", "1"))
	}
	if err := c.setNumber("duty_cycle", share(period, 100-s.percent())); err != nil {
		return err
	}
	return c.set("enable", "1")
}

// stretch changes the period and keeps percent. The kernel takes no duty that is
// longer than the period, not for an instant.
func (c *pwmChannel) stretch(s pwmState, period int64, percent float64) error {
	duty := share(period, percent)
	first := func() error { return c.changePeriod(s.period, period) }
	then := func() error { return c.changeDuty(s.duty, duty) }
	if period < s.period {
		first, then = then, first
	}
	if err := first(); err != nil {
		return err
	}
	return then()
}

func (c *pwmChannel) changePeriod(from, to int64) error {
	if from == to {
		return nil
	}
	err := c.setNumber("period", to)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ERANGE) || errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w: the chip does not make %g Hz, or another of its channels holds it to another frequency", err, 1e9/float64(to))
	}
	return err
}

func (c *pwmChannel) changeDuty(from, to int64) error {
	if from == to {
		return nil
	}
	return c.setNumber("duty_cycle", to)
}

func (c *pwmChannel) turn(active string) error {
	polarity := "normal"
	if active == activeLow {
		polarity = "inversed"
	}
	err := c.set("polarity", polarity)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the chip cannot be active %s; take the other one, with scale: -1 and offset: 100", err, active)
	}
	return err
}

// duty is zero while the channel is off.
func (c *pwmChannel) duty() (float64, error) {
	s, err := c.state()
	if err != nil || !s.on {
		return 0, err
	}
	return s.percent(), nil
}

func (c *pwmChannel) setDuty(percent float64) error {
	s, err := c.state()
	if err != nil {
		return err
	}
	if err := c.changeDuty(s.duty, share(s.period, percent)); err != nil || s.on {
		return err
	}
	return c.set("enable", "1")
}

// Close gives back a channel that we had the kernel show, if it is off. One that
// is on stays: the kernel does not say what becomes of the signal of a channel
// that nobody has.
func (c *pwmChannel) Close() error {
	defer c.held.Close()
	if s, err := c.state(); err != nil || s.on || !c.ours {
		return nil // also where the channel is gone: there is nothing to give back
	}
	return c.tree.write(filepath.Join(c.chip, "unexport"), c.number)
}
