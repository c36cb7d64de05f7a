package line

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// OpenError says why a line could not be opened, and what to do about it.
type OpenError struct {
	Port string
	Err  error
	Hint string // a sentence for whoever stands before the machine; may be empty
}

func (e *OpenError) Error() string {
	text := fmt.Sprintf("open %s: %v", e.Port, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

var (
	errNoPort       = errors.New("no such port")
	errPermission   = errors.New("permission denied")
	errInUse        = errors.New("port in use")
	errNotSerial    = errors.New("not a serial port")
	errClosed       = errors.New("line is closed")
	errStuck        = errors.New("the line takes no more bytes")
	errTooManyFiles = errors.New("too many open files: a serial port needs a file number below 1024")
)

// openError finds the words for an error of the kernel or of the library.
func openError(port string, err error) error {
	var code serial.PortErrorCode
	var pe *serial.PortError
	if errors.As(err, &pe) {
		code = pe.Code()
	}
	switch {
	case errors.Is(err, errNoDirection):
		return &OpenError{port, err, "most USB adapters do it by themselves: delete rs485, or let RTS do it with direction: rts"}
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV):
		return &OpenError{port, errNoPort, portsHint()}
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || pe != nil && code == serial.PermissionDenied:
		return &OpenError{port, errPermission, groupHint(port)}
	case errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EWOULDBLOCK) || pe != nil && code == serial.PortBusy:
		return &OpenError{port, errInUse, "another program holds it; sudo fuser -v " + port + " names it"}
	case errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EISDIR) || pe != nil && code == serial.InvalidSerialPort:
		return &OpenError{port, fmt.Errorf("%w: %w", errNotSerial, err), portsHint()}
	}
	return &OpenError{port, err, ""}
}

// portsHint lists the ports that a user may have meant.
func portsHint() string {
	ports := Ports()
	if len(ports) == 0 {
		return "this machine has no serial port; is the adapter plugged in?"
	}
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.String()
	}
	return "there is " + strings.Join(names, ", ")
}

// groupHint names the group whose members may open the port.
func groupHint(port string) string {
	var st unix.Stat_t
	if err := unix.Stat(port, &st); err != nil {
		return ""
	}
	group := strconv.Itoa(int(st.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	if st.Gid == 0 || st.Mode&0o060 != 0o060 {
		return "only root may open it"
	}
	name := "$USER"
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("it belongs to group %s: sudo usermod -aG %s %s, then log in again or restart the service",
		group, group, name)
}

var errGone = errors.New("the port is gone: was its adapter pulled out?")

// gone is an error of an open port in plain words where the port has vanished:
// the library calls it closed, though nobody closed it, and the kernel an error of
// input or output.
func gone(err error) error {
	var pe *serial.PortError
	if errors.As(err, &pe) && pe.Code() == serial.PortClosed || errors.Is(err, unix.EIO) {
		return errGone
	}
	return err
}
