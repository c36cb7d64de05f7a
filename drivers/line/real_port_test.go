//go:build realport

package line

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fieldmq/drivers"
	"fieldmq/drivers/driverstest/board"
)

// This file is the first process of a virtual machine with a real kernel and a
// USB adapter: see machine_test.go, which builds and starts it, answers what is
// said on the line, and pulls the adapter out and plugs it in when it is told to
// on the console. There is no udev.

const serialNumber = "A10K3XYZ"

func TestMain(m *testing.M) { board.Main(m) }

// appears waits for the device file of the adapter.
func appears(t *testing.T, name string) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); adapters("/")[name].serial != serialNumber; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s is not there: %v", name, adapters("/"))
		}
	}
}

// carries sends over a line, whose other end repeats what it hears.
func carries(t *testing.T, l *Line, text string) {
	t.Helper()
	if _, err := l.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, len(text)); string(got) != text {
		t.Fatalf("heard %q, said %q", got, text)
	}
}

func TestRealAdapterIsFoundUnderAnotherName(t *testing.T) {
	appears(t, "/dev/ttyUSB0")
	for _, port := range []string{"/dev/ttyUSB0", usbScheme + serialNumber} {
		s := Defaults()
		s.Port = port
		l, err := Open(t.Context(), s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		carries(t, l, "before")
		held, err := unix.Open("/dev/ttyUSB0", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0) // so that its name is not free
		if err != nil {
			t.Fatal(err)
		}
		board.Ask(t, "PULL")
		l.SetReadTimeout(30 * time.Second)
		if _, err := l.Read(make([]byte, 1)); !errors.Is(err, drivers.ErrBus) {
			t.Errorf("read without the adapter: %v", err)
		}
		l.Close()
		if _, err := Open(t.Context(), s, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("opened without the adapter")
		}
		board.Ask(t, "PLUG")
		appears(t, "/dev/ttyUSB1")
		if l, err = Open(t.Context(), s, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		carries(t, l, "after")
		l.Close()
		unix.Close(held)
		board.Ask(t, "PULL") // back to the first name
		board.Ask(t, "PLUG")
		appears(t, "/dev/ttyUSB0")
	}
}

func TestRealPortIsForOneProgram(t *testing.T) {
	appears(t, "/dev/ttyUSB0")
	l, err := open(t, "/dev/ttyUSB0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if second, err := open(t, "/dev/ttyUSB0"); err == nil {
		second.Close()
		t.Error("opened twice")
	}
}

func TestRealDriverSaysWhetherItTurnsTheLine(t *testing.T) {
	appears(t, "/dev/ttyUSB0")
	s := Defaults()
	s.Port, s.RS485.Direction = "/dev/ttyUSB0", byKernel
	if l, err := Open(t.Context(), s, slog.New(slog.DiscardHandler)); !errors.Is(err, errNoDirection) {
		if err == nil {
			l.Close()
		}
		t.Errorf("an FTDI adapter, which cannot: %v", err)
	}
	console, err := unix.Open("/dev/ttyAMA0", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(console)
	if _, err := s.RS485.turn(console, s.Char()); err != nil {
		t.Errorf("a PL011, which can: %v", err)
	}
}
