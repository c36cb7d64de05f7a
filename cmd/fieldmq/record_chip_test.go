package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldmq/firmware-sim/pins"
)

// chipYAML is a site of one chip, whose lines a test moves.
const chipYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  pins: {driver: gpio, chip: DIR/chip, every: 200ms}
devices:
  door:
    bus: pins
    points:
      open: {line: DOOR, debounce: 20ms}
      flow: {line: FLOW, count: rising}
      wind: {line: WIND, measure: frequency, round: 0}
      lamp: {line: LAMP, write: true}
      horn: {line: HORN, write: true, initial: off, on_stop: off}
      dim:  {pwm: pwmchip0, line: 0, write: true, unit: "%"}
`

// startChip serves the chip of chipYAML until the test ends or stop is called,
// and returns the site, whose gateway runs.
func startChip(t *testing.T) (s *site, chip *pins.Chip, stop func()) {
	t.Helper()
	dir := t.TempDir()
	chip, err := pins.New(pins.Config{Label: "board", Lines: []pins.Line{
		{Name: "DOOR"}, {Name: "FLOW"}, {Name: "WIND", Wiring: pins.Pulses, Period: 20 * time.Millisecond}, {Name: "LAMP"}, {Name: "HORN"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "chip"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := chip.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); serving.Wait() }
	t.Cleanup(stop)
	s = &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(chipYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	return s, chip, stop
}

// valuesOf are the payloads of a topic in lines whose first word it is and whose
// last one the payload, each as often as it changed.
func valuesOf(lines []string, topic string) []string {
	var values []string
	for _, l := range lines {
		if words := strings.Fields(l); len(words) > 1 && words[0] == topic {
			values = append(values, words[len(words)-1])
		}
	}
	return slices.Compact(values)
}

// drive moves a line to levels, one after the other at once.
func drive(t *testing.T, chip *pins.Chip, line string, levels ...bool) {
	t.Helper()
	for _, level := range levels {
		if err := chip.Drive(line, level); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordedChipSaysTheSameWhenItIsReplayed(t *testing.T) {
	s, chip, stop := startChip(t)
	live := s.subscribe("-t", "device/door/+")
	live.expect("device/door/lamp ")
	live.expect("device/door/open ")
	for range 3 {
		drive(t, chip, "FLOW", true, false)
	}
	live.wait(0, "pulses that are not recorded", func(l string) bool { return strings.HasPrefix(l, "device/door/flow ") && strings.HasSuffix(l, " 3") })
	kept := filepath.Join(t.TempDir(), "kept.traffic")
	record := start(t, binary, "record", s.file, "--out", kept)
	record.expect("the gateway box has ")
	heard := s.subscribe("-t", "device/box/tools/pins/traffic")
	heard.expect("< line 0 low DOOR")

	at := 0
	for _, open := range []bool{true, false, true} {
		drive(t, chip, "DOOR", open, !open, open, !open, open) // it bounces
		word := map[bool]string{true: " true", false: " false"}[open]
		_, at = live.wait(at, "that the door moved", func(l string) bool {
			return strings.HasPrefix(l, "device/door/open ") && strings.HasSuffix(l, word)
		})
	}
	for range 7 {
		drive(t, chip, "FLOW", true, false)
	}
	s.publish("-t", "device/door/dim/set", "-m", "42.5")
	s.publish("-t", "device/door/lamp/set", "-m", "true")
	live.wait(0, "the pulses", func(l string) bool { return strings.HasPrefix(l, "device/door/flow ") && strings.HasSuffix(l, " 10") })
	live.wait(0, "the frequency", func(l string) bool { return strings.HasPrefix(l, "device/door/wind ") && strings.HasSuffix(l, " 50") })
	live.wait(0, "the duty", func(l string) bool { return strings.HasPrefix(l, "device/door/dim ") && strings.HasSuffix(l, " 42.5") })
	live.wait(0, "the lamp", func(l string) bool { return strings.HasPrefix(l, "device/door/lamp ") && strings.HasSuffix(l, " true") })
	_, from := heard.wait(0, "what was written", func(l string) bool { return strings.HasSuffix(l, "> line 3 high LAMP") })
	for range 6 { // polls, so that the frequency is that of a whole window
		_, from = heard.wait(from, "a poll", func(l string) bool { return strings.HasSuffix(l, "< line 3 high LAMP") })
	}
	if code := record.stop(syscall.SIGINT); code != 0 {
		t.Fatalf("record: exit %d", code)
	}
	s.run.kill()
	stop() // no chip is left
	all := fmt.Sprintf("levels and duties played: %d; lines that are not in it: 0", len(recordingOf(t, kept).On("pins")))
	for _, speed := range []string{"1", "4"} {
		stdout, stderr, code := output(t, binary, "replay", kept, "--config", s.file, "--speed", speed)
		if code != 0 || !strings.Contains(stderr, all) {
			t.Errorf("exit %d: %s, want %s", code, stderr, all)
		}
		replayed := strings.Split(stdout, "\n")
		for _, point := range []string{"open", "lamp", "dim"} {
			topic := "device/door/" + point
			if got, want := valuesOf(replayed, topic), valuesOf(live.printed(), topic); !slices.Equal(got, want) {
				t.Errorf("speed %s: %s was %v, replayed %v", speed, point, want, got)
			}
		}
		if flow := valuesOf(replayed, "device/door/flow"); len(flow) == 0 || flow[0] != "3" || flow[len(flow)-1] != "10" {
			t.Errorf("speed %s: the pulses are replayed as %v", speed, flow)
		}
		if wind := valuesOf(replayed, "device/door/wind"); !slices.Contains(wind, "50") {
			t.Errorf("speed %s: 50 Hz are replayed as %v", speed, wind)
		}
	}
}
