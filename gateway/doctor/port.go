package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"fieldmq/drivers"
	"fieldmq/drivers/gpio"
	"fieldmq/drivers/line"
	"fieldmq/gateway"
)

// portOf is the serial port of a bus, or the file of its chip; empty if it has
// none.
func portOf(b gateway.Bus) string {
	place, _, _ := strings.Cut(b.Place(), " ")
	if strings.HasPrefix(place, "/") {
		return place
	}
	if b.Driver == "gpio" && !strings.Contains(place, "/") && place != "" {
		return "/dev/" + place
	}
	return ""
}

func (d *doctor) ports(context.Context) {
	users := map[string]string{} // of ports, by what they really are
	for _, b := range d.Buses {
		chip, isChip := b.Settings.(*gpio.Settings)
		if isChip {
			d.dimmers(b, chip)
		}
		if s, ok := b.Settings.(drivers.Secured); ok {
			_, cert, _ := s.Credentials()
			d.files(d.about("port", b.Name), "buses."+b.Name+".", cert)
		}
		port := portOf(b)
		if port == "" || isChip && !chip.NeedsChip() {
			continue
		}
		r := d.about("port", b.Name)
		if real, err := filepath.EvalSymlinks(port); err == nil {
			if other := users[real]; other != "" {
				r.bad("two buses cannot share a port: put their devices on one bus", "%s is the port of bus %s too", port, other)
			}
			users[real] = b.Name
		}
		d.port(r, b, port)
	}
}

// dimmers looks for the PWM outputs of a bus.
func (d *doctor) dimmers(b gateway.Bus, chip *gpio.Settings) {
	for _, dev := range b.Devices {
		for _, e := range dev.Points {
			at, ok := e.Point.At.(*gpio.Address)
			if !ok || !at.Dimmed() {
				continue
			}
			r := d.about("port", b.Name+", "+e.Point.String())
			if err := chip.LookPWM(at); err != nil {
				r.bad("`ls -l /sys/class/pwm/` shows the chips, and who may write their files", "%v cannot be had: %v", at, err)
				continue
			}
			r.ok("%v is there, and may be written", at)
		}
	}
}

// port looks at the device file of a bus.
func (d *doctor) port(r report, b gateway.Bus, port string) {
	info, err := os.Stat(port)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.bad(others(b), "%s is not there", port)
		return
	case err != nil:
		r.bad("", "%v", err)
		return
	case info.Mode()&(fs.ModeCharDevice|fs.ModeSocket) == 0:
		r.bad(others(b), "%s is no device", port)
		return
	}
	if do := mayOpen(port, info); do != "" {
		r.bad(do, "%s may not be opened by %s", port, who())
		return
	}
	if console(port) {
		r.bad("take console= of this port out of the kernel's command line (raspi-config: serial port, no login shell), and restart", "%s is the console of the kernel, which writes to it", port)
	}
	if strings.HasPrefix(port, "/dev/ttyUSB") || strings.HasPrefix(port, "/dev/ttyACM") {
		d.stable(r, port)
	}
	held := holders(port)
	switch {
	case len(held) == 0:
		r.ok("%s is there, and nobody has it open", port)
	case d.Running != nil && strings.Contains(held[0], "fieldmq"):
		r.ok("%s is there, and the gateway has it: process %s", port, held[0])
	default:
		r.bad("end it (`sudo kill` and its number; a modem manager: `sudo systemctl disable --now ModemManager`)", "%s is held by another program: process %s", port, strings.Join(held, ", "))
	}
}

// stable advises names that stay.
func (d *doctor) stable(r report, port string) {
	for _, p := range line.Ports() {
		if p.Name == port && p.ByID != "" {
			r.warn("write port: "+p.ByID, "%s may be another adapter after the next start", port)
		}
	}
}

// others says what there is instead.
func others(b gateway.Bus) string {
	if b.Driver == "gpio" {
		chips, _ := filepath.Glob("/dev/gpiochip*") // fails for bad patterns only
		if len(chips) == 0 {
			return "this machine has no GPIO chip with a device file"
		}
		return "there is " + strings.Join(chips, ", ")
	}
	var names []string
	for _, p := range line.Ports() {
		names = append(names, p.String())
	}
	if len(names) == 0 {
		return "this machine has no serial port: is the adapter plugged in (`dmesg | tail` shows it), and its driver there?"
	}
	return "there is " + strings.Join(names, ", ")
}

// mayOpen is empty if this user may open a device file, else what to do.
func mayOpen(port string, info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() == 0 {
		return ""
	}
	groups, _ := os.Getgroups() // without them only the user counts
	mode := info.Mode().Perm()
	const rw = 0o6
	switch {
	case int(stat.Uid) == os.Geteuid() && mode>>6&rw == rw,
		(slices.Contains(groups, int(stat.Gid)) || int(stat.Gid) == os.Getegid()) && mode>>3&rw == rw,
		mode&rw == rw:
		return ""
	}
	group := strconv.Itoa(int(stat.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	if mode>>3&rw != rw {
		return "only its owner may open " + port + "; a udev rule can give it to a group"
	}
	return fmt.Sprintf("sudo usermod -aG %s %s, then log in again or restart the service", group, who())
}
