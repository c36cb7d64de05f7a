package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const pulsesYAML = `
gateway: {id: box, data: DIR/data}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses: {pins: {driver: gpio, chip: DIR/chip, every: 200ms}}
devices: {door: {bus: pins, points: {flow: {line: GPIO27, count: rising}}}}
`

// countOf is the payload of a line that subscribe prints.
func countOf(t *testing.T, line string) int {
	t.Helper()
	count, err := strconv.Atoi(line[strings.LastIndex(line, " ")+1:])
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return count
}

// A count that somebody has seen is never gone back behind, whenever the gateway
// is killed.
func TestPulsesNeverGoBackOverKill(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(pulsesYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	told := 0
	for round := range 3 {
		s.gateway()
		sub := s.subscribe("-t", "device/door/flow")
		line, _ := sub.wait(0, "a count that is not retained", func(line string) bool { return strings.HasPrefix(line, "device/door/flow 0 ") })
		if first := countOf(t, line); first < told {
			t.Fatalf("round %d: %d was told, and after the kill it goes on at %d", round, told, first)
		}
		sub.wait(0, fmt.Sprintf("3 more than %d", told), func(line string) bool { return countOf(t, line) > told+3 })
		s.run.kill()
		sub.stop(syscall.SIGTERM)
		for _, line := range sub.printed() {
			if strings.HasPrefix(line, "device/door/flow ") {
				told = max(told, countOf(t, line))
			}
		}
	}
}
