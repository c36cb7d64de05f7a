package cable

import (
	"errors"

	"golang.org/x/sys/unix"
)

// getTermios are the settings of a terminal with its speed in bits a second.
// User-mode emulators (qemu-arm) know only the older request, in which the
// speed is a code.
func getTermios(fd int) (*unix.Termios, error) {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.ENOTTY) {
		return t, err
	}
	if t, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return nil, err
	}
	t.Ospeed = speeds[t.Cflag&unix.CBAUD]
	return t, nil
}

// setTermios is the other way round; the speed stays as the flags have it.
func setTermios(fd int, t *unix.Termios) error {
	err := unix.IoctlSetTermios(fd, unix.TCSETS2, t)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTTY) {
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	return err
}

// speeds are the codes of termios(3).
var speeds = map[uint32]uint32{
	unix.B300: 300, unix.B600: 600, unix.B1200: 1200, unix.B2400: 2400, unix.B4800: 4800,
	unix.B9600: 9600, unix.B19200: 19200, unix.B38400: 38400, unix.B57600: 57600,
	unix.B115200: 115200, unix.B230400: 230400, unix.B460800: 460800, unix.B921600: 921600,
}
