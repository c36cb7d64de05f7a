//go:build machine

package line

import (
	"io"
	"testing"
	"time"

	"fieldmq/drivers/driverstest/board"
)

// orders are what the tests in the machine may ask for.
var orders = map[string]string{
	"PULL": `{"execute":"device_del","arguments":{"id":"adapter"}}`,
	"PLUG": `{"execute":"device_add","arguments":{"driver":"usb-serial","id":"adapter","chardev":"wire","bus":"usb.0","serial":"A10K3XYZ"}}`,
}

// TestOnARealKernel runs the tests of real_port_test.go in a virtual machine with
// an FTDI adapter on its USB, whose other end repeats what it hears.
func TestOnARealKernel(t *testing.T) {
	m := board.Start(t, board.Config{
		Tags:    "realport",
		Drivers: []string{"usb-common", "usbcore", "xhci-hcd", "xhci-pci", "usbserial", "ftdi_sio"},
		Devices: []string{"-device", "qemu-xhci,id=usb", "-chardev", "socket,id=wire,server=on,wait=off,path={dir}/wire",
			"-device", "usb-serial,id=adapter,chardev=wire,bus=usb.0,serial=A10K3XYZ"},
	})
	wire := m.Dial(t, "wire")
	go io.Copy(wire, wire) // ends with the machine
	m.Serve(t, func(order []string) {
		// The emulator lets go of what was pulled out a moment later.
		for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			err := m.Order(orders[order[0]], nil)
			if err == nil {
				return
			}
			if time.Now().After(until) {
				t.Fatal(err)
			}
		}
	})
}
