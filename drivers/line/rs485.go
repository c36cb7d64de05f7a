package line

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"fieldmq/configs"
)

// RS485 is who turns a line from listening to sending and back. Most USB
// adapters do so by themselves.
type RS485 struct {
	// Direction is who does it: adapter (by itself), kernel (the driver of the
	// port, as on many boards' own UARTs) or rts (this program, by the line RTS,
	// where nobody else can; some milliseconds later than a driver). Default
	// adapter.
	Direction string `yaml:"direction" check:"oneof=adapter|kernel|rts"`
	// Invert lets RTS be low while sending. Default false: high.
	Invert bool `yaml:"invert"`
	// Before is how long the line is driven before the first bit. Default 0s.
	Before configs.Duration `yaml:"before" check:"max=100ms"`
	// After is how long the line is driven after the last bit. Default 0s.
	After configs.Duration `yaml:"after" check:"max=100ms"`
}

// Who turns the line.
const (
	byAdapter = "adapter"
	byKernel  = "kernel"
	byRTS     = "rts"
)

// Validate finds times that nobody would keep.
func (r *RS485) Validate() error {
	if r.Direction == byAdapter && (r.Invert || r.Before > 0 || r.After > 0) {
		return configs.Bad("direction", "is missing: write kernel or rts, which is who is to keep invert, before and after")
	}
	return nil
}

// serialRS485 is struct serial_rs485 of linux/serial.h.
type serialRS485 struct {
	flags         uint32
	before, after uint32 // in milliseconds
	_             [5]uint32
}

// Flags of serial_rs485.
const (
	rs485Enabled      = 1 << 0
	rs485RTSOnSend    = 1 << 1
	rs485RTSAfterSend = 1 << 2
)

var errNoDirection = errors.New("the driver of this port does not switch the direction of an RS-485 line")

// kernelMode is what the driver is told.
func (r *RS485) kernelMode() serialRS485 {
	mode := serialRS485{
		flags:  rs485Enabled | rs485RTSOnSend,
		before: milliseconds(r.Before.D()),
		after:  milliseconds(r.After.D()),
	}
	if r.Invert {
		mode.flags = rs485Enabled | rs485RTSAfterSend
	}
	return mode
}

func milliseconds(d time.Duration) uint32 {
	return uint32((d + time.Millisecond - 1) / time.Millisecond)
}

// turn prepares a line for what is to turn it.
func (r *RS485) turn(fd int, char time.Duration) (*direction, error) {
	switch r.Direction {
	case byKernel:
		mode := r.kernelMode()
		if err := ioctl(fd, unix.TIOCSRS485, unsafe.Pointer(&mode)); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoDirection, err)
		}
	case byRTS:
		d := &direction{RS485: *r, pins: modem(fd), char: char}
		if err := d.listen(); err != nil {
			return nil, fmt.Errorf("%w (it has no line RTS: %w)", errNoDirection, err)
		}
		return d, nil
	}
	return nil, nil
}

// direction turns a line by RTS.
type direction struct {
	RS485
	pins pins
	char time.Duration
}

// pins are those of a port that a direction needs.
type pins interface {
	rts(on bool) error
	// waiting is how many bytes were written and are not sent.
	waiting() (int, error)
	// empty says whether the last bit is out; an error that nobody can tell.
	empty() (bool, error)
}

func (d *direction) listen() error { return d.pins.rts(d.Invert) }

// talk turns the line to sending.
func (d *direction) talk() error {
	if err := d.pins.rts(!d.Invert); err != nil {
		return err
	}
	time.Sleep(d.Before.D())
	return nil
}

// quiet waits until n bytes are out that were begun to be written at a time, and
// turns the line to listening: too early would cut off the last of them, too
// late the answer's first.
func (d *direction) quiet(n int, began time.Time, longest time.Duration) error {
	napUntil(began.Add(d.Before.D() + time.Duration(n)*d.char))
	for deadline := time.Now().Add(longest); time.Now().Before(deadline); napUntil(time.Now().Add(d.char / 4)) {
		left, err := d.pins.waiting()
		if err != nil {
			return errors.Join(err, d.listen())
		}
		if left > 0 {
			continue
		}
		out, err := d.pins.empty()
		if err != nil { // a driver that cannot say it may still hold a few
			const fifo = 1
			napUntil(time.Now().Add(fifo * d.char))
			out = true
		}
		if out {
			napUntil(time.Now().Add(d.After.D()))
			return d.listen()
		}
	}
	return errors.Join(errStuck, d.listen())
}

// napUntil sleeps in the kernel, whose timers are finer than the runtime's.
func napUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		left := unix.NsecToTimespec(d.Nanoseconds())
		_ = unix.Nanosleep(&left, nil) // a signal ends it early; the loop goes on
	}
}

// modem is the pins of an open port.
type modem int

func (m modem) rts(on bool) error {
	request := uint(unix.TIOCMBIC)
	if on {
		request = unix.TIOCMBIS
	}
	return unix.IoctlSetPointerInt(int(m), request, unix.TIOCM_RTS)
}

func (m modem) waiting() (int, error) { return unix.IoctlGetInt(int(m), unix.TIOCOUTQ) }

func (m modem) empty() (bool, error) {
	const transmitterEmpty = 1 // TIOCSER_TEMT of linux/serial.h
	state, err := unix.IoctlGetInt(int(m), tiocserGetLSR)
	return state&transmitterEmpty != 0, err
}

// tiocserGetLSR is TIOCSERGETLSR of asm-generic/ioctls.h.
const tiocserGetLSR = 0x5459
