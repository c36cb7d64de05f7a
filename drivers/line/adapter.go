package line

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// usbScheme begins the name of a port by the serial number of its USB adapter,
// for machines without /dev/serial/by-id.
const usbScheme = "usb:"

// adapter is the USB device behind a port.
type adapter struct {
	serial string // empty: it has none
	place  int    // among the ports of the adapter, from 0
}

// String is the adapter as a port is named by it.
func (a adapter) String() string {
	if a.place == 0 {
		return usbScheme + a.serial
	}
	return usbScheme + a.serial + ":" + strconv.Itoa(a.place)
}

// parseAdapter reads what String writes.
func parseAdapter(name string) (adapter, error) {
	rest, _ := strings.CutPrefix(name, usbScheme)
	serial, place, several := strings.Cut(rest, ":")
	a := adapter{serial: serial}
	if several {
		n, err := strconv.Atoi(place)
		if err != nil || n < 0 {
			return a, fmt.Errorf("%q is not a port such as usb:A10K3XYZ, or usb:A10K3XYZ:1 for the second of an adapter", name)
		}
		a.place = n
	}
	if serial == "" {
		return a, fmt.Errorf("%q names no serial number, as in usb:A10K3XYZ", name)
	}
	return a, nil
}

// adapters are those behind the ports of a machine, by device file.
func adapters(root string) map[string]adapter {
	found := map[string]adapter{}
	seen := map[string]int{}
	for _, p := range ports(root) { // sorted
		serial := usbSerial(filepath.Join(root, "sys/class/tty", filepath.Base(p.Name), "device"))
		if serial == "" {
			continue
		}
		found[p.Name] = adapter{serial, seen[serial]}
		seen[serial]++
	}
	return found
}

// usbSerial is the serial number of the USB device that a device belongs to, the
// nearest of those that it is plugged into.
func usbSerial(device string) string {
	dir, err := filepath.EvalSymlinks(device)
	if err != nil {
		return ""
	}
	for ; len(dir) > 1; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "idVendor")); err != nil {
			continue
		}
		serial, err := os.ReadFile(filepath.Join(dir, "serial"))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(serial))
	}
	return ""
}

// memory is the adapter at which a port was found, so that it is found again
// when it comes back under another name. Copies of Settings share it.
type memory struct {
	mu   sync.Mutex
	last adapter // at the last Open
}

// locate is the device file of a port: of an adapter that is named by its serial
// number, or of the one that was found at a name before and has another now.
func locate(root, port string, m *memory) (string, error) {
	if strings.HasPrefix(port, usbScheme) {
		want, err := parseAdapter(port)
		if err != nil {
			return "", err
		}
		name, ok := fileOf(adapters(root), want)
		if !ok {
			return "", fmt.Errorf("no USB adapter has this serial number: %w", fs.ErrNotExist)
		}
		return name, nil
	}
	if m == nil {
		return port, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := adapters(root)
	if m.last.serial != "" && all[target(root, port)] != m.last {
		if name, ok := fileOf(all, m.last); ok {
			return name, nil
		}
	}
	return port, nil
}

// remember keeps in mind which adapter a device file belongs to.
func (m *memory) remember(root, file string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = adapters(root)[target(root, file)]
}

// target is the device file that a name leads to.
func target(root, name string) string {
	full, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		return name
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(full, root), "/")
}

func fileOf(all map[string]adapter, want adapter) (string, bool) {
	for name, a := range all {
		if a == want {
			return name, true
		}
	}
	return "", false
}
