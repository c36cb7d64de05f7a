package board

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What stands on the console.
const (
	prefix = "MACHINE "
	ended  = "EXIT"
	done   = "done"
)

// Main runs tests as the first process of the machine, and then switches it off.
func Main(m *testing.M) {
	for _, fs := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		_ = os.MkdirAll(fs.at, 0o755)
		if err := unix.Mount(fs.kind, fs.at, fs.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			fmt.Println("mount", fs.at, err)
		}
	}
	_ = os.MkdirAll("/tmp", 0o777)
	if err := load(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(prefix+ended, m.Run())
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// load loads the kernel's drivers, whose files are in order.
func load() error {
	files, err := filepath.Glob("/*.ko")
	slices.Sort(files)
	for _, name := range files {
		f, failed := os.Open(name)
		if failed != nil {
			return failed
		}
		err = errors.Join(err, unix.FinitModule(int(f.Fd()), "", 0), f.Close())
	}
	return err
}

var console = bufio.NewReader(os.Stdin)

// Ask has the host do something, and returns when it has.
func Ask(t *testing.T, order string) {
	t.Helper()
	fmt.Printf("\n%s%s\n", prefix, order)
	for {
		text, err := console.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(text) == done {
			return
		}
	}
}
