package line

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPortsAreThoseWithADeviceBehind(t *testing.T) {
	root := t.TempDir()
	class := filepath.Join(root, "sys/class/tty")
	for dir, kind := range map[string]string{
		"ttyS0/device":   "0\n", // a place without a UART
		"ttyS1/device":   "4\n",
		"ttyUSB0/device": "",
		"tty1":           "", // a console
	} {
		if err := os.MkdirAll(filepath.Join(class, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if kind == "" {
			continue
		}
		file := filepath.Join(class, filepath.Dir(dir), "type")
		if err := os.WriteFile(file, []byte(kind), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ids := filepath.Join(root, "dev/serial/by-id")
	if err := os.MkdirAll(ids, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../ttyUSB0", filepath.Join(ids, "usb-FTDI_A1-if00-port0")); err != nil {
		t.Fatal(err)
	}
	got := ports(root)
	want := []Port{
		{Name: "/dev/ttyS1"},
		{Name: "/dev/ttyUSB0", ByID: "/dev/serial/by-id/usb-FTDI_A1-if00-port0"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestMachineWithoutPortsHasNone(t *testing.T) {
	if got := ports(t.TempDir()); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
