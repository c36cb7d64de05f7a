// Package board runs the tests of a driver on a real kernel: in a virtual
// machine, an emulated 64-bit ARM board with Debian's kernel, whose first process
// is the test binary. `make machine` fetches the kernel.
package board

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Config is what a machine needs.
type Config struct {
	Tags    string   // with which the tests of the current folder are built
	Drivers []string // of the kernel, in the order in which they are loaded; see Load
	Devices []string // arguments for the emulator; {dir} stands for a folder for sockets
}

// Machine is a virtual machine at work. Its console carries what the tests print
// and what they ask for: lines that begin with MACHINE.
type Machine struct {
	dir     string
	out     *bufio.Reader // of the console
	in      io.Writer
	control net.Conn // for orders
	answers *json.Decoder
}

// longest bounds the life of a machine.
const longest = 3 * time.Minute

// Start starts a machine, which runs the tests whose names begin with TestReal.
// It needs qemu-system-aarch64, the kernel in FIELDMQ_KERNEL, and its drivers in
// the folder FIELDMQ_MODULES.
func Start(t *testing.T, c Config) *Machine {
	t.Helper()
	kernel, modules := os.Getenv("FIELDMQ_KERNEL"), os.Getenv("FIELDMQ_MODULES")
	if kernel == "" || modules == "" {
		t.Fatal("FIELDMQ_KERNEL names no kernel, or FIELDMQ_MODULES no folder; run `make machine`")
	}
	m := &Machine{dir: t.TempDir()}
	m.pack(t, c, modules)
	args := []string{"-M", "virt", "-cpu", "cortex-a53", "-m", "512", "-nic", "none", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-kernel", kernel, "-initrd", m.file("disk"),
		"-append", "console=ttyAMA0 quiet panic=-1 rdinit=/init -- -test.v -test.run=^TestReal",
		"-qmp", "unix:" + m.file("control") + ",server=on,wait=off"}
	for _, d := range c.Devices {
		args = append(args, strings.ReplaceAll(d, "{dir}", m.dir))
	}
	m.run(t, exec.Command("qemu-system-aarch64", args...))
	m.control = m.Dial(t, "control")
	m.answers = json.NewDecoder(m.control)
	if err := m.Order(`{"execute":"qmp_capabilities"}`, nil); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *Machine) file(name string) string { return filepath.Join(m.dir, name) }

// pack makes the machine's disk.
func (m *Machine) pack(t *testing.T, c Config, modules string) {
	t.Helper()
	build := exec.Command("go", "test", "-c", "-tags", c.Tags, "-o", m.file("init"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var disk archive
	disk.device("dev/console", 5, 1)
	add := func(name, from string, mode int) {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		disk.add(name, mode, data)
	}
	add("init", m.file("init"), 0o100755)
	for i, name := range c.Drivers {
		add(fmt.Sprintf("%02d-%s.ko", i, name), filepath.Join(modules, name+".ko"), 0o100644)
	}
	if err := os.WriteFile(m.file("disk"), disk.end(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *Machine) run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(longest, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		watchdog.Stop()
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(errs.String())
		}
	})
	m.in, m.out = in, bufio.NewReader(out)
}

// Dial connects to a socket of the machine.
func (m *Machine) Dial(t *testing.T, name string) net.Conn {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("unix", m.file(name))
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// Order has the emulator do something, in the words of QMP, and puts what it
// returns where the pointer leads, if there is one.
func (m *Machine) Order(command string, into any) error {
	if _, err := io.WriteString(m.control, command); err != nil {
		return err
	}
	for {
		var answer struct{ Return, Error json.RawMessage }
		if err := m.answers.Decode(&answer); err != nil {
			return err
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", command, answer.Error)
		case answer.Return != nil && into != nil:
			return json.Unmarshal(answer.Return, into)
		case answer.Return != nil:
			return nil
		}
	}
}

// Serve does what the tests in the machine ask for, by a function that is told
// the words behind MACHINE, and fails if the tests did.
func (m *Machine) Serve(t *testing.T, do func(order []string)) {
	t.Helper()
	for {
		line, err := m.out.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			t.Log(line)
		}
		if err != nil {
			t.Fatal(err)
		}
		order, asked := strings.CutPrefix(line, prefix)
		words := strings.Fields(order)
		switch {
		case !asked:
		case words[0] == ended:
			if words[1] != "0" {
				t.Errorf("the tests in the machine end with %s", words[1])
			}
			return
		default:
			do(words)
			fmt.Fprintln(m.in, done)
		}
	}
}
