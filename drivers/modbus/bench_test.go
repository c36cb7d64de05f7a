package modbus

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/creack/pty"

	"fieldmq/drivers"
)

// peer starts the libmodbus server of testdata, which must be installed: a test
// against nothing but ourselves proves little.
func peer(t *testing.T, kind, where string) *exec.Cmd {
	t.Helper()
	return script(t, "python3 and libmodbus5", "testdata/server.py", kind, where)
}

// script starts a server written in Python that says when it is ready.
func script(t *testing.T, needs string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; install %s", err, needs)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the server says %q, %v; install %s", line, err, needs)
	}
	return cmd
}

// cable joins two pseudo terminals, as socat does, and returns their names.
func cable(t *testing.T) (near, far string, cut func()) {
	t.Helper()
	masterA, a, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	masterB, b, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{a, b} {
		if _, err := raw(f); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{}, 2)
	carry := func(to, from *os.File) {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 512)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go carry(masterB, masterA)
	go carry(masterA, masterB)
	cut = func() {
		a.Close()
		masterA.Close()
		masterB.Close()
	}
	t.Cleanup(func() {
		cut()
		b.Close()
		<-done
		<-done
	})
	return a.Name(), b.Name(), cut
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func at0(n int) *uint16 { r := uint16(n); return &r }

// point makes a point of a device; set fills its section as the YAML would.
func point(d *Device, name string, set func(*Address)) *drivers.Point {
	a := d.Address().(*Address)
	set(a)
	if err := a.Validate(); err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return &drivers.Point{Device: fmt.Sprintf("unit-%d", d.Unit), Name: name, At: a}
}

func input(n int, typ Type, order Order) func(*Address) {
	return func(a *Address) { a.Input, a.Type, a.Order = at0(n), typ, order }
}

func holding(n int, typ Type) func(*Address) {
	return func(a *Address) { a.Holding, a.Type = at0(n), typ }
}

func coil(n int) func(*Address) { return func(a *Address) { a.Coil = at0(n) } }

func discrete(n int) func(*Address) { return func(a *Address) { a.Discrete = at0(n) } }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
