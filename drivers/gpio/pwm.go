package gpio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"syscall"
	"time"

	"fieldmq/drivers"
)

// wave is how a PWM output is to swing.
type wave struct {
	period time.Duration
	active string // the level of the duty: high or low
}

// dimmer is a PWM output. A duty is in percent. Close leaves the signal as it is.
type dimmer interface {
	duty() (float64, error)
	setDuty(percent float64) error
	io.Closer
}

// swinger has PWM outputs: the kernel, or a chip that has its own.
type swinger interface {
	// pwm takes a channel of a PWM chip, and has it swing. Its signal goes on as
	// it is, and one that is off stays off, until the first duty. Without a wave
	// it is not taken, and can only be read.
	pwm(chip, channel string, w *wave) (dimmer, error)
}

// swinger has the PWM outputs beside the lines of a chip.
func (s *Settings) swinger(c chip) swinger {
	if own, ok := c.(swinger); ok {
		return own
	}
	return s.tree()
}

// tree is the kernel's PWM chips.
func (s *Settings) tree() pwmTree {
	if s.pwm != nil {
		return *s.pwm
	}
	return kernelPWM
}

// LookPWM says what keeps a PWM output from being had, and changes nothing. A
// simulated chip has all.
func (s *Settings) LookPWM(a *Address) error {
	if s.simulated() {
		return nil
	}
	return s.tree().look(a.PWM, a.Line)
}

// defaultHertz suits lamps, heaters and most motors.
const defaultHertz = 1000

// Dimmed says whether the point is a PWM output.
func (a *Address) Dimmed() bool { return a.PWM != "" }

// wave is the signal that a PWM output gives.
func (a *Address) wave() *wave {
	hertz := a.Frequency
	if hertz == 0 {
		hertz = defaultHertz
	}
	return &wave{period: time.Duration(math.Round(1e9 / hertz)), active: a.Active}
}

// readDuty is a read of a PWM output. The caller holds wire.
func (b *bus) readDuty(point *drivers.Point) (drivers.Sample, error) {
	sample := drivers.Sample{Point: point, Time: time.Now()}
	d, err := b.dimmer(point)
	if err != nil {
		return sample, err
	}
	percent, err := d.duty()
	if b.settings.looking && err != nil && !errors.Is(err, errLost) {
		return sample, fmt.Errorf("%w: nobody has %s", drivers.ErrNoValue, point.At)
	}
	if err := b.keepDimmer(point, err); err != nil {
		return sample, err
	}
	b.tellDuty(false, point, percent)
	sample.Time, sample.Value = time.Now(), drivers.Float(percent)
	return sample, nil
}

// tellDuty tells who listens in of a duty.
func (b *bus) tellDuty(sent bool, point *drivers.Point, percent float64) {
	a := point.At.(*Address)
	channel, _ := strconv.Atoi(a.Line) // it has been checked
	b.settings.tap.Duty(sent, drivers.Duty{Chip: a.PWM, Channel: channel, Percent: percent})
}

// writeDuty is a write to a PWM output. The caller holds wire.
func (b *bus) writeDuty(c drivers.Command) error {
	percent := c.Value.Float()
	if !c.Value.IsNumber() || !(percent >= 0 && percent <= 100) {
		return fmt.Errorf("%w: %q is not a duty of 0 to 100 percent", drivers.ErrRefused, c.Value)
	}
	d, err := b.dimmer(c.Point)
	if err != nil {
		return err
	}
	b.tellDuty(true, c.Point, percent)
	return b.keepDimmer(c.Point, d.setDuty(percent))
}

// dimmer is the point's PWM output, which is taken now if it is not ours yet.
func (b *bus) dimmer(point *drivers.Point) (dimmer, error) {
	if d := b.dimmers[point]; d != nil {
		return d, nil
	}
	a := point.At.(*Address)
	w := a.wave()
	if b.settings.looking {
		w = nil
	}
	d, err := b.swinger.pwm(a.PWM, a.Line, w)
	if err != nil {
		return nil, refused(err)
	}
	if a.Duty != nil && w != nil {
		b.tellDuty(true, point, *a.Duty)
		if err := d.setDuty(*a.Duty); err != nil {
			d.Close()
			return nil, refused(err)
		}
	}
	b.dimmers[point] = d
	b.log.Debug("PWM output taken", "at", a)
	return d, nil
}

// keepDimmer passes on what became of a request to a PWM output. One that is gone
// is taken again when it is asked for, should it be there again.
func (b *bus) keepDimmer(point *drivers.Point, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		b.dimmers[point].Close()
		delete(b.dimmers, point)
	}
	return refused(err)
}
