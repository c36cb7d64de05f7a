package gpio

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"fieldmq/drivers"
)

// pwmKernel is a folder of PWM chips that keeps to the kernel's rules
// (drivers/pwm/core.c and sysfs.c): it has pwmchip0 with two channels, whose device
// is fe20c000.pwm of the node pwm@7e20c000.
type pwmKernel struct {
	t    *testing.T
	root string

	mu     sync.Mutex
	wrote  []string // "pwm0/period 1000", in order
	busy   bool     // a driver of the kernel has the channels
	late   int      // how often udev lets us be turned away from a channel's files
	denied error    // of every file
	plain  bool     // the chip has one polarity
}

func newPWMKernel(t *testing.T) *pwmKernel {
	t.Helper()
	k := &pwmKernel{t: t, root: t.TempDir()}
	device, node := filepath.Join(k.root, "devices/fe20c000.pwm"), filepath.Join(k.root, "tree/pwm@7e20c000")
	for _, dir := range []string{device, node, k.path("")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{k.path("device"): device, filepath.Join(device, "of_node"): node} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	k.put("npwm", "2")
	k.put("export", "")
	k.put("unexport", "")
	return k
}

func (k *pwmKernel) path(file string) string { return filepath.Join(k.root, "pwmchip0", file) }

func (k *pwmKernel) put(file, text string) {
	if err := os.WriteFile(k.path(file), []byte(text+"\n"), 0o644); err != nil {
		k.t.Error(err)
	}
}

func (k *pwmKernel) get(file string) string {
	text, err := os.ReadFile(k.path(file))
	if err != nil {
		return "none"
	}
	return strings.TrimSpace(string(text))
}

// show has a channel as somebody else has left it.
func (k *pwmKernel) show(channel, period, duty, polarity, enable string) {
	dir := "pwm" + channel
	if err := os.Mkdir(k.path(dir), 0o755); err != nil {
		k.t.Error(err)
	}
	k.put(dir+"/period", period)
	k.put(dir+"/duty_cycle", duty)
	k.put(dir+"/polarity", polarity)
	k.put(dir+"/enable", enable)
}

// is fails the test unless a channel is so.
func (k *pwmKernel) is(period, duty, polarity, enable string) {
	k.t.Helper()
	got := []string{k.get("pwm0/period"), k.get("pwm0/duty_cycle"), k.get("pwm0/polarity"), k.get("pwm0/enable")}
	if want := []string{period, duty, polarity, enable}; !slices.Equal(got, want) {
		k.t.Errorf("channel 0 has %q, want %q; written: %q", got, want, k.writes())
	}
}

func (k *pwmKernel) writes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.wrote)
}

func (k *pwmKernel) tree() pwmTree { return pwmTree{root: k.root, open: k.open} }

func (k *pwmKernel) open(path string) (io.WriteCloser, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	file, err := filepath.Rel(k.path(""), path)
	if err != nil {
		return nil, err
	}
	denied := k.denied
	if k.late > 0 && strings.HasPrefix(file, "pwm") {
		k.late--
		denied = syscall.EACCES
	}
	if denied != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: denied}
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return &pwmFile{k, file}, nil
}

// pwmFile is an open file of the kernel.
type pwmFile struct {
	k    *pwmKernel
	name string
}

func (f *pwmFile) Close() error { return nil }

func (f *pwmFile) Write(text []byte) (int, error) {
	f.k.mu.Lock()
	defer f.k.mu.Unlock()
	f.k.wrote = append(f.k.wrote, f.name+" "+string(text))
	if err := f.k.store(f.name, string(text)); err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.k.path(f.name), Err: err}
	}
	return len(text), nil
}

// store is what the kernel makes of a write.
func (k *pwmKernel) store(file, text string) error {
	dir, attribute := filepath.Split(file)
	number := func(name string) int {
		n, err := strconv.Atoi(k.get(dir + name))
		if err != nil {
			k.t.Error(err)
		}
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil && attribute != "polarity" {
		return syscall.EINVAL
	}
	switch attribute {
	case "export":
		if n >= number("npwm") {
			return syscall.ENODEV
		}
		if k.busy || k.get("pwm"+text+"/period") != "none" {
			return syscall.EBUSY
		}
		k.show(text, "0", "0", "normal", "0")
		return nil
	case "unexport":
		if k.get("pwm"+text+"/period") == "none" {
			return syscall.ENODEV
		}
		return os.RemoveAll(k.path("pwm" + text))
	case "period":
		if n < max(number("duty_cycle"), 100) {
			return syscall.EINVAL
		}
	case "duty_cycle":
		if n > number("period") {
			return syscall.EINVAL
		}
	case "polarity":
		if number("period") == 0 || number("enable") == 1 || k.plain {
			return syscall.EINVAL
		}
	case "enable":
		if number("period") == 0 {
			return syscall.EINVAL
		}
	}
	k.put(file, text)
	return nil
}

// pwmChip is a chip whose PWM outputs are those of a pwmKernel.
type pwmChip struct {
	chip
	tree pwmTree
}

func (c pwmChip) pwm(chip, channel string, w *wave) (dimmer, error) {
	return c.tree.pwm(chip, channel, w)
}

// pwmSettings opens a bus with a pwmChip.
type pwmSettings struct {
	*Settings
	tree pwmTree
}

func (s pwmSettings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	c, err := openChip(ctx, s.Chip)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return newBus(pwmChip{c, s.tree}, s.Settings, log), nil
}

// fan is a PWM output that a test changes.
func fan(channel string, set func(*Address)) *drivers.Point {
	return point("fan"+channel, func(a *Address) {
		a.PWM, a.Line = "pwmchip0", channel
		a.AllowWrite()
		if set != nil {
			set(a)
		}
	})
}

// openPWM opens a bus whose PWM outputs are the kernel's.
func openPWM(t *testing.T, k *pwmKernel) *bus {
	t.Helper()
	c, err := openChip(t.Context(), newFake().listen(t))
	if err != nil {
		t.Fatal(err)
	}
	return newBus(pwmChip{c, k.tree()}, &Settings{}, slog.New(slog.DiscardHandler))
}

// openPWMPipe is openPWM within a synctest bubble.
func openPWMPipe(t *testing.T, f *fake, k *pwmKernel) *bus {
	t.Helper()
	return newBus(pwmChip{f.connect(t), k.tree()}, &Settings{}, slog.New(slog.DiscardHandler))
}
