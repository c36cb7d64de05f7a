package line

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// machine is the part of a file system in which ports are found.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) machine { return machine{t, t.TempDir()} }

// plug puts a port of a USB adapter into the machine.
func (m machine) plug(name, serial string) {
	m.t.Helper()
	usb := filepath.Join(m.root, "sys/devices/usb1", serial)
	device := filepath.Join(usb, "1-1:1.0", name)
	for _, dir := range []string{device, filepath.Join(m.root, "sys/class/tty", name), filepath.Join(m.root, "dev")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	m.file(filepath.Join(usb, "idVendor"), "0403\n")
	m.file(filepath.Join(usb, "serial"), serial+"\n")
	m.file(filepath.Join(m.root, "dev", name), "")
	if err := os.Symlink(device, filepath.Join(m.root, "sys/class/tty", name, "device")); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) unplug(name string) {
	os.RemoveAll(filepath.Join(m.root, "sys/class/tty", name))
	os.Remove(filepath.Join(m.root, "dev", name))
}

func (m machine) file(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func TestAdapterIsFoundByItsSerialNumber(t *testing.T) {
	m := newMachine(t)
	m.plug("ttyUSB0", "A1")
	m.plug("ttyUSB1", "B2")
	m.plug("ttyUSB2", "B2") // the second port of the same
	for name, want := range map[string]string{
		"usb:A1": "/dev/ttyUSB0", "usb:B2": "/dev/ttyUSB1", "usb:B2:1": "/dev/ttyUSB2",
		"/dev/ttyUSB9": "/dev/ttyUSB9",
	} {
		if got, err := locate(m.root, name, nil); got != want || err != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"usb:C3", "usb:A1:1"} {
		if _, err := locate(m.root, name, nil); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAdapterThatComesBackUnderAnotherNameIsFound(t *testing.T) {
	m, kept := newMachine(t), &memory{}
	m.plug("ttyUSB0", "A1")
	at := func(want string) {
		t.Helper()
		got, err := locate(m.root, "/dev/ttyUSB0", kept)
		if got != want || err != nil {
			t.Fatalf("got %s, %v, want %s", got, err, want)
		}
	}
	at("/dev/ttyUSB0")
	kept.remember(m.root, "/dev/ttyUSB0")
	m.unplug("ttyUSB0")
	at("/dev/ttyUSB0") // nothing better is known
	m.plug("ttyUSB1", "A1")
	at("/dev/ttyUSB1")
	m.plug("ttyUSB0", "B2") // another one took its name
	at("/dev/ttyUSB1")
	m.unplug("ttyUSB1")
	at("/dev/ttyUSB0") // it was replaced
}

func TestNamesOfAdapters(t *testing.T) {
	for name, want := range map[string]bool{"usb:A1": true, "usb:A1:0": true, "usb:A1:2": true, "usb:": false, "usb:A1:x": false, "usb:A1:-1": false} {
		a, err := parseAdapter(name)
		if (err == nil) != want {
			t.Errorf("%s: %v, %v", name, a, err)
		}
		if again, _ := parseAdapter(a.String()); want && again != a {
			t.Errorf("%s becomes %s", name, a)
		}
	}
}
