package gpio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of a line request, GPIO_V2_LINE_FLAG_* of linux/gpio.h.
const (
	flagInput        = 1 << 2
	flagOutput       = 1 << 3
	flagRising       = 1 << 4
	flagFalling      = 1 << 5
	flagPullUp       = 1 << 8
	flagPullDown     = 1 << 9
	flagBiasDisabled = 1 << 10
)

// inputConfig is the configuration of an input. The kernel debounces it where a
// hold is given: with a timer, or by the chip where that can.
func inputConfig(bias, edges string, hold time.Duration) unix.GPIOV2LineConfig {
	c := unix.GPIOV2LineConfig{Flags: flagInput | biasFlag(bias) | edgeFlags(edges)}
	if hold > 0 {
		c.Num_attrs = 1
		c.Attrs[0].Mask = 1
		c.Attrs[0].Attr.Id = unix.GPIO_V2_LINE_ATTR_ID_DEBOUNCE
		c.Attrs[0].Attr.Flags = debouncePeriod(hold)
	}
	return c
}

// debouncePeriod is a period in microseconds as it stands in the union of an
// attribute: a number of 32 bits at its beginning.
func debouncePeriod(hold time.Duration) uint64 {
	var b [8]byte
	binary.NativeEndian.PutUint32(b[:], uint32(hold.Microseconds()))
	return binary.NativeEndian.Uint64(b[:])
}

func biasFlag(bias string) uint64 {
	switch bias {
	case "pull-up":
		return flagPullUp
	case "pull-down":
		return flagPullDown
	case "disabled":
		return flagBiasDisabled
	}
	return 0
}

func edgeFlags(edges string) uint64 {
	switch edges {
	case rising:
		return flagRising
	case falling:
		return flagFalling
	case both:
		return flagRising | flagFalling
	}
	return 0
}

// outputConfig is the configuration of an output that has a level from its
// first instant on.
func outputConfig(level bool) unix.GPIOV2LineConfig {
	c := unix.GPIOV2LineConfig{Flags: flagOutput, Num_attrs: 1}
	c.Attrs[0].Mask = 1
	c.Attrs[0].Attr.Id = unix.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES
	c.Attrs[0].Attr.Flags = bit(level) // a union: the values
	return c
}

func bit(level bool) uint64 {
	if level {
		return 1
	}
	return 0
}

// setConfig is GPIO_V2_LINE_SET_CONFIG_IOCTL of linux/gpio.h.
const setConfig = 0xc110b40d

// ioctl asks the kernel, and says what its numbers mean to us.
func ioctl[T any](fd int, request uintptr, arg *T) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
	switch errno {
	case 0:
		return nil
	case unix.EBUSY:
		return errors.New("in use by another program; gpioinfo names it")
	case unix.ENODEV:
		return fmt.Errorf("%w: %w", errLost, errno)
	}
	return errno
}
