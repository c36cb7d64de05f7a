package line

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// lock opens a device for control and takes it for this process alone.
// TIOCEXCL does not keep root out, so flock stands beside it; picocom, minicom
// and pySerial honour it too.
func lock(port string) (int, error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Open(port, flags, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// share takes TIOCEXCL back from a pseudo terminal. Its kernel end lives as long as
// the far end is open, and the mark with it: after a kill -9 nobody but root could open
// it again. A real port loses the mark with the last who has it open.
func share(fd int) {
	var s unix.Stat_t
	if unix.Fstat(fd, &s) != nil {
		return // what is wrong with it will show
	}
	if major := unix.Major(uint64(s.Rdev)); major >= firstPTY && major <= lastPTY {
		_ = unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) // flock stands
	}
}

// Major numbers of pseudo terminals, from the kernel's admin-guide/devices.txt.
const firstPTY, lastPTY = 136, 143

// serialStruct is struct serial_struct of linux/serial.h.
type serialStruct struct {
	kind, line    int32
	port          uint32
	irq, flags    int32
	xmitFifoSize  int32
	customDivisor int32
	baudBase      int32
	closeDelay    uint16
	ioType        uint8
	_             uint8
	hub6          int32
	closingWait   uint16
	closingWait2  uint16
	iomemBase     uintptr
	iomemRegShift uint16
	portHigh      uint32
	iomapBase     uintptr
	_             [8]uintptr // room, should a kernel's struct be longer
}

// asyncLowLatency is ASYNC_LOW_LATENCY of linux/tty_flags.h.
const asyncLowLatency = 1 << 13

// lowLatency asks a USB adapter to hand over bytes at once: FTDI's chips keep
// them back for 16 ms otherwise, which costs half of a fast line.
func lowLatency(fd int) error {
	var s serialStruct
	if err := ioctl(fd, unix.TIOCGSERIAL, unsafe.Pointer(&s)); err != nil {
		return err
	}
	if s.flags&asyncLowLatency != 0 {
		return nil
	}
	s.flags |= asyncLowLatency
	return ioctl(fd, unix.TIOCSSERIAL, unsafe.Pointer(&s))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}
