package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/host/v3/gpioioctl"
)

var _ chip = (*kernel)(nil)

// kernel is a chip of the kernel. periph knows the chips and the names of
// their lines; we request the lines ourselves, because periph's have no edge
// times, no errors, and set an output low before it gets its first level.
type kernel struct {
	*feed
	info *gpioioctl.GPIOChip
	fd   int // of the chip
}

// openKernel opens a chip by its path, name or label.
func openKernel(name string) (chip, error) {
	path := name
	if !strings.Contains(name, "/") {
		path = "/dev/" + name
	}
	// Opened before periph looks for chips: it does so once in the life of a
	// process, and must not do it before ours is there.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) && path != name && len(chipFiles()) > 0 {
		return openLabel(name)
	}
	if err != nil {
		return nil, openError(name, err)
	}
	info, err := findChip(path)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &kernel{feed: newFeed(), info: info, fd: fd}, nil
}

func openLabel(label string) (chip, error) {
	for _, c := range chips() {
		if c.Label() == label {
			return openKernel(c.Path())
		}
	}
	return nil, openError(label, fs.ErrNotExist)
}

// findChip is what periph knows of the chip at a path.
func findChip(path string) (*gpioioctl.GPIOChip, error) {
	// A chip may have several paths: gpiochip4 is a link on a Raspberry Pi 5.
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, openError(path, err)
	}
	for _, c := range chips() {
		if c.Name() == filepath.Base(device) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("open chip %s: it came after another chip was opened, or is none; restart to look again", path)
}

// chips are the chips that were there when they were first asked for.
func chips() []*gpioioctl.GPIOChip {
	// Where a chip has two paths, periph closes descriptor 0 along with the
	// second: we put it back.
	if spare, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3); err == nil {
		defer unix.Close(spare)
		defer func() { _ = unix.Dup3(spare, 0, 0) }()
	}
	_, _ = driverreg.Init() // its failures are chips that are not in the list
	return gpioioctl.Chips
}

func chipFiles() []string {
	files, _ := filepath.Glob("/dev/gpiochip*") // fails for bad patterns only
	return files
}

// openError says what to do about a chip that cannot be opened.
func openError(name string, err error) error {
	hint := "this machine has no GPIO chip"
	if files := chipFiles(); len(files) > 0 {
		hint = "there is " + strings.Join(files, ", ")
	}
	if errors.Is(err, fs.ErrPermission) {
		hint = "the user must be in the group that owns it, which is gpio on a Raspberry Pi"
	}
	return fmt.Errorf("open chip %s: %w; %s", name, err, hint)
}

func (k *kernel) find(name string) (int, error) {
	if l := k.info.ByName(name); l != nil && name != "" {
		return l.Number(), nil
	}
	// periph puts the chip's name before a name that two chips have.
	if l := k.info.ByName(k.info.Name() + "-" + name); l != nil {
		return l.Number(), nil
	}
	return findLine(nil, k.info.LineCount(), name)
}

func (k *kernel) input(offset int, bias, edges string, hold time.Duration) (line, error) {
	if edges == none {
		hold = 0 // there is nothing to be told of
	}
	l, err := k.request(offset, inputConfig(bias, edges, hold))
	if err != nil && hold > 0 && !errors.Is(err, errLost) { // a kernel that cannot
		hold = 0
		l, err = k.request(offset, inputConfig(bias, edges, 0))
	}
	if err != nil {
		return nil, err
	}
	l.hold = hold
	if edges == none {
		return l, nil
	}
	k.tasks.Go(func() { l.listen(k.feed) })
	return l, nil
}

func (k *kernel) output(offset int, level *bool) (line, error) {
	if level != nil {
		return k.request(offset, outputConfig(*level))
	}
	// As it is first, then as an output at that level.
	l, err := k.asItIs(offset)
	if err != nil {
		return nil, err
	}
	now, err := l.get()
	if err == nil {
		err = l.configure(outputConfig(now))
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (k *kernel) look(offset int) (line, error) { return k.asItIs(offset) }

// asItIs takes a line and changes nothing.
func (k *kernel) asItIs(offset int) (*kernelLine, error) {
	return k.request(offset, unix.GPIOV2LineConfig{})
}

// request takes one line for this process.
func (k *kernel) request(offset int, c unix.GPIOV2LineConfig) (*kernelLine, error) {
	r := unix.GPIOV2LineRequest{Num_lines: 1, Config: c, Event_buffer_size: kernelEvents}
	r.Offsets[0] = uint32(offset)
	copy(r.Consumer[:], "fieldmq")
	if err := ioctl(k.fd, unix.GPIO_V2_GET_LINE_IOCTL, &r); err != nil {
		return nil, err
	}
	return newKernelLine(int(r.Fd), offset)
}

// Close expects all lines to be closed, which ends their listening.
func (k *kernel) Close() error {
	close(k.quit)
	k.tasks.Wait()
	return unix.Close(k.fd)
}
