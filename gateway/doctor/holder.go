package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holders are the programs that have a device file open, as far as this user
// may see: "4711 (minicom -D /dev/ttyUSB0)".
func holders(path string) []string {
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // fails for bad patterns only
	var found []string
	seen := map[string]bool{}
	for _, link := range links {
		pid := strings.Split(link, "/")[2]
		if seen[pid] || pid == strconv.Itoa(os.Getpid()) {
			continue
		}
		if to, err := os.Readlink(link); err != nil || to != device {
			continue
		}
		seen[pid] = true
		found = append(found, process(pid))
	}
	return found
}

// process is a process for people.
func process(pid string) string {
	line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil {
		return pid
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return fmt.Sprintf("%s (%s)", pid, text)
}

// console says whether the kernel uses a port as its console.
func console(path string) bool {
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	text, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return false
	}
	for _, name := range strings.Fields(string(text)) {
		if "/dev/"+name == device {
			return true
		}
	}
	return false
}
