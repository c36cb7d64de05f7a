package line

import (
	"os"
	"path/filepath"
	"strings"
)

// Port is a serial port of this machine.
type Port struct {
	Name string // the device file: /dev/ttyUSB0
	ByID string // its name that stays after replugging, or empty
}

// String is the name to be put into a configuration, with the other behind it.
func (p Port) String() string {
	if p.ByID == "" {
		return p.Name
	}
	return p.ByID + " (" + p.Name + ")"
}

// Ports lists the serial ports that exist, by name. It opens none of them:
// opening one that is in use would set its speed back.
func Ports() []Port { return ports("/") }

func ports(root string) []Port {
	byID := links(filepath.Join(root, "dev/serial/by-id"))
	class := filepath.Join(root, "sys/class/tty")
	entries, err := os.ReadDir(class) // sorted
	if err != nil {
		return nil
	}
	var found []Port
	for _, e := range entries {
		if !isPort(filepath.Join(class, e.Name())) {
			continue
		}
		found = append(found, Port{Name: "/dev/" + e.Name(), ByID: byID[e.Name()]})
	}
	return found
}

// isPort tells ports from consoles, which have no device behind them, and from
// the 8250 driver's empty places, whose type is PORT_UNKNOWN.
func isPort(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
		return false
	}
	kind, err := os.ReadFile(filepath.Join(dir, "type"))
	return err != nil || strings.TrimSpace(string(kind)) != "0"
}

// links maps what the links of a folder point at to the links.
func links(dir string) map[string]string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := make(map[string]string, len(entries))
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		if target, err := os.Readlink(link); err == nil {
			names[filepath.Base(target)] = "/dev/serial/by-id/" + e.Name()
		}
	}
	return names
}
