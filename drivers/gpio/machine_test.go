//go:build machine

package gpio

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers/driverstest/board"
)

// TestOnARealKernel runs the tests of real_chip_test.go in a virtual machine, whose
// GPIO chip is a PL061.
func TestOnARealKernel(t *testing.T) {
	m := board.Start(t, board.Config{
		Tags:    "realchip",
		Devices: []string{"-qtest", "unix:{dir}/wires,server=on,wait=off", "-qtest-log", "/dev/null"},
	})
	chip := chipOf(t, m)
	wires := m.Dial(t, "wires")
	answers := bufio.NewReader(wires)
	// The line, a pause in microseconds, the levels that it is set to.
	m.Serve(t, func(order []string) {
		pause, err := strconv.Atoi(order[2])
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range order[3:] {
			fmt.Fprintf(wires, "set_irq_in %s unnamed-gpio-in %s %s\n", chip, order[1], level)
			if answer, err := answers.ReadString('\n'); err != nil || strings.TrimSpace(answer) != "OK" {
				t.Fatalf("%q, %v", answer, err)
			}
			time.Sleep(time.Duration(max(pause, 2000)) * time.Microsecond)
		}
	})
}

// chipOf asks the machine where its GPIO chip is.
func chipOf(t *testing.T, m *board.Machine) string {
	t.Helper()
	var parts []struct{ Name, Type string }
	if err := m.Order(`{"execute":"qom-list","arguments":{"path":"/machine/unattached"}}`, &parts); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if strings.Contains(p.Type, "pl061") {
			return "/machine/unattached/" + p.Name
		}
	}
	t.Fatal("the machine has no PL061")
	return ""
}
