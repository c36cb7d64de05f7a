package cable

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal in raw mode and returns the device's
// end and the path of the program's. See pty(7), ioctl_tty(2).
func openTerminal() (*os.File, string, error) {
	end, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, "", err
	}
	var number uint32
	err = control(end, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		if number, err = unix.IoctlGetUint32(fd, unix.TIOCGPTN); err != nil {
			return err
		}
		return makeRaw(fd)
	})
	if err != nil {
		end.Close()
		return nil, "", fmt.Errorf("make a pseudo terminal: %w", err)
	}
	port := "/dev/pts/" + strconv.FormatUint(uint64(number), 10)
	if err := touch(port); err != nil {
		end.Close()
		return nil, "", err
	}
	return end, port, nil
}

// touch opens the port and closes it, because the kernel tells a port that was
// closed from an open one, but not one that was never opened.
func touch(port string) error {
	f, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// makeRaw turns off echo, line editing and every translation of bytes. What is
// set on the device's end of a pseudo terminal holds for the program's.
func makeRaw(fd int) error {
	t, err := getTermios(fd)
	if err != nil {
		return err
	}
	t.Iflag = 0
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return setTermios(fd, t)
}

// character is the time of one character on the line: start bit, data bits,
// parity bit and stop bits at the speed that the program has set; zero for
// speed zero.
func character(end *os.File) time.Duration {
	var t *unix.Termios
	err := control(end, func(fd int) (err error) {
		t, err = getTermios(fd)
		return err
	})
	if err != nil || t.Ospeed == 0 {
		return 0
	}
	return time.Duration(bits(t)) * time.Second / time.Duration(t.Ospeed)
}

// setting is the speed that the program has set; zero if that cannot be told.
func setting(end *os.File) speed {
	var t *unix.Termios
	err := control(end, func(fd int) (err error) {
		t, err = getTermios(fd)
		return err
	})
	if err != nil {
		return speed{}
	}
	return speed{int(t.Ospeed), checked(t)}
}

// checked says whether characters have a parity bit.
func checked(t *unix.Termios) bool {
	return t.Iflag&unix.INPCK != 0 || t.Cflag&(unix.PARENB|unix.PARODD) != 0
}

// bits is the length of a character. The kernel strikes PARENB and the data
// bits from a pseudo terminal's flags (pty_set_termios), so parity is known
// from what programs set beside it: the check of incoming parity.
func bits(t *unix.Termios) int {
	n := 1 + 8 + 1
	if checked(t) {
		n++
	}
	if t.Cflag&unix.CSTOPB != 0 {
		n++
	}
	return n
}

// receive waits for bytes. EIO means that no program has the port open, which
// is no end: the poller reports the first byte of the next one.
func receive(end *os.File, p []byte) (n int, err error) {
	return read(end, p, false)
}

// poll is receive without waiting: zero when nothing is there.
func poll(end *os.File, p []byte) (n int, err error) {
	return read(end, p, true)
}

func read(end *os.File, p []byte, once bool) (n int, err error) {
	raw, err := end.SyscallConn()
	if err != nil {
		return 0, os.ErrClosed
	}
	failed := raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), p)
		if nobody(err) {
			n, err = 0, nil
			return once
		}
		return true
	})
	if failed != nil {
		return 0, os.ErrClosed // all it says without deadlines
	}
	return max(n, 0), err
}

// send writes what the port's buffer takes; the rest is lost, as when a
// program does not fetch what its UART received. While no program has the port
// open, all is lost, which the kernel would keep for the next one.
func send(end *os.File, p []byte) error {
	raw, err := end.SyscallConn()
	if err != nil {
		return nil // pulled out
	}
	failed := raw.Write(func(fd uintptr) bool {
		if !hungUp(int(fd)) {
			_, err = unix.Write(int(fd), p)
		}
		return true
	})
	if failed != nil || nobody(err) {
		return nil
	}
	return err
}

// hungUp says whether no program has the port open.
func hungUp(fd int) bool {
	ask := []unix.PollFd{{Fd: int32(fd)}}
	_, err := unix.Poll(ask, 0)
	return err == nil && ask[0].Revents&unix.POLLHUP != 0
}

// nobody says that there is no data or no listener, for now.
func nobody(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EINTR)
}

func control(end *os.File, f func(fd int) error) error {
	raw, err := end.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}
