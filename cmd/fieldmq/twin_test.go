package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldmq/firmware-sim/plant"
	"fieldmq/gateway"
)

// framesYAML has devices with binary frames of each kind, asked and unasked,
// with checksums, and commands.
const framesYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  fixed: {driver: serial, port: DIR/fixed, every: 300ms, frame: {length: 14, start: "AA 55", checksum: {type: crc16-modbus, from: 2}}}
  marks: {driver: serial, port: DIR/marks, every: 300ms, frame: {start: "02", end: "03", tail: 1, checksum: {type: xor8, from: 1, to: -2}}}
  gap:   {driver: serial, port: DIR/gap, every: 300ms, timeout: 2s, frame: {gap: 60ms, checksum: {type: sum8}}}
  text:  {driver: serial, port: DIR/text, every: 300ms, frame: {line: "\r\n"}}
devices:
  pump:
    bus: fixed
    points:
      speed: {at: 3, type: uint16, order: little, unit: /min}
      flow:  {at: 5, type: float32, unit: L/min, round: 1}
      level: {at: 9, type: bcd, length: 1, unit: "%", command: "L {%02d}\n", write: true}
      on:    {at: 10, bit: 0}
  panel:
    bus: marks
    points:
      heat: {at: 2, type: int16, scale: 0.1, unit: Cel, starts: "02 31"}
      push: {at: 2, type: uint8, unit: "%", starts: "02 32"}
  probe:
    bus: gap
    request: "hex:01 03 00"
    points:
      ph:   {at: 0, type: uint16, scale: 0.01}
      temp: {at: 2, type: int16, scale: 0.1, unit: Cel}
  heater:
    bus: text
    request: "T?\r\n"
    points:
      temp: {match: 'T=(\d+\.\d+)'}
      goal: {match: 'G=(\d+\.\d)', request: "G?\r\n", command: "SP {%.1f}\r\n", expect: 'OK', write: {min: 5, max: 90}}
`

// wordsYAML has numbers with words on each kind of bus that holds numbers.
const wordsYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  panel: {driver: modbus-rtu, port: DIR/panel, baud: 115200, every: 200ms}
  bytes: {driver: serial, port: DIR/bytes, every: 200ms, frame: {length: 4, start: "AA"}}
  text:  {driver: serial, port: DIR/text, every: 200ms, frame: {line: "\r\n"}}
devices:
  pump:
    bus: panel
    unit: 1
    points:
      mode:   {holding: 1, bits: 4-7, enum: {2: off, 9: on}, write: true}
      limits: {holding: 1, bits: 8-11, flags: {0: low, 3: high}, write: true}
      alarms: {holding: 2, type: uint32, order: CDAB, flags: {1: hot, 20: dry}, write: true}
  fan:
    bus: bytes
    points:
      mode:   {at: 1, enum: {7: off, 130: on}, command: "M {}\n", write: true}
      alarms: {at: 2, type: uint16, flags: {1: hot, 12: stuck}, command: "A {}\n", write: true}
  valve:
    bus: text
    points:
      mode:   {match: 'M=(\d)', type: int, request: "M?\r\n", enum: {3: shut, 4: open}, command: "M {}\r\n", write: true}
      alarms: {match: 'A=([0-9A-F]{4})', type: hex, request: "A?\r\n", flags: {2: hot, 14: stuck}, command: "A {%04X}\r\n", write: true}
`

func TestSimulatedNumbersHaveWords(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(wordsYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	sub := s.subscribe("-t", "device/+/+")
	for topic, words := range map[string][]string{
		"pump/mode": {"off", "on"}, "pump/limits": {"none", "low", "high", "low,high"}, "pump/alarms": {"none", "hot", "dry", "hot,dry"},
		"fan/mode": {"off", "on"}, "fan/alarms": {"none", "hot", "stuck", "hot,stuck"},
		"valve/mode": {"shut", "open"}, "valve/alarms": {"none", "hot", "stuck", "hot,stuck"},
	} {
		sub.wait(0, "a word of "+topic, func(line string) bool {
			_, said, ok := strings.Cut(line, "device/"+topic+" ")
			return ok && slices.Contains(words, said[2:])
		})
	}
	for topic, words := range map[string]string{
		"pump/mode": "on", "pump/limits": "low,high", "pump/alarms": "hot,bit7,dry",
		"fan/mode": "off", "fan/alarms": "stuck", "valve/mode": "open", "valve/alarms": "hot,stuck",
	} {
		s.publish("-t", "device/"+topic+"/set", "-m", words, "-q", "1")
		id, name, _ := strings.Cut(topic, "/")
		sub.expect("device/" + id + `/reply 0 {"ok":true,"point":"` + name + `","value":"` + words + `"}`)
		sub.expect("device/" + topic + " 0 " + words)
	}
	for _, line := range sub.printed() {
		if strings.Contains(line, "has no word") {
			t.Error(line)
		}
	}
}

const pwmYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses: {pins: {driver: gpio, chip: DIR/chip, every: 200ms}}
devices:
  fan:
    bus: pins
    points:
      speed: {pwm: fe20c000.pwm, line: 1, frequency: 25000, duty: 20, scale: 0.01, write: {min: 0.1, max: 1}, on_stop: 0.5}
      tacho: {line: GPIO27, measure: frequency}
`

func TestPWMOutputIsSetAndReadBack(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(pwmYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	config, err := gateway.Load(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := twinLines(config.Buses[0]); len(lines) != 1 || lines[0].Name != "GPIO27" {
		t.Errorf("the chip has the lines %v", lines) // channel 1 is not line 1
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	sub := s.subscribe("-t", "device/fan/+")
	sub.wait(0, "the duty of the start", func(line string) bool {
		return strings.HasPrefix(line, "device/fan/speed ") && strings.HasSuffix(line, " 0.2")
	})
	s.publish("-t", "device/fan/speed/set", "-m", "0.75", "-q", "1")
	sub.expect(`device/fan/reply 0 {"ok":true,"point":"speed","value":0.75}`)
	sub.expect("device/fan/speed 0 0.75")
	s.publish("-t", "device/fan/speed/set", "-m", "0.05", "-q", "1")
	sub.expect(`device/fan/reply 0 {"ok":false`)
}

func TestSimulatorSpeaksInFrames(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(framesYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	sub := s.subscribe("-t", "device/+/+")
	for _, topic := range []string{"pump/speed", "pump/flow", "pump/level", "pump/on", "panel/heat", "panel/push", "probe/ph", "probe/temp", "heater/temp", "heater/goal"} {
		sub.expect("device/" + topic + " ")
	}
	// Plausible for their units, so type, place and scale are right on both sides.
	sub.wait(0, "a speed from 1200 to 1700", func(line string) bool {
		return strings.HasPrefix(line, "device/pump/speed ") && (strings.Contains(line, " 1 1") || strings.Contains(line, " 0 1"))
	})
	s.publish("-t", "device/heater/goal/set", "-m", "21.5", "-q", "1")
	sub.expect(`device/heater/reply 0 {"ok":true,"point":"goal","value":21.5}`)
	sub.expect("device/heater/goal 0 21.5") // the device has it, and says so
	s.publish("-t", "device/pump/level/set", "-m", "42", "-q", "1")
	sub.expect("device/pump/level 0 42")
	for _, line := range sub.printed() {
		if strings.HasSuffix(line, "status 0 offline") {
			t.Error(line)
		}
	}
}

// The simulator itself proposes a fault of the first device of the file.
func TestEveryDeviceOfTheFileCanBeBroken(t *testing.T) {
	text := strings.NewReplacer("DIR", t.TempDir(), "MQTT", "1883").Replace(framesYAML)
	config, err := gateway.Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newTwin(config, simFlags{dir: t.TempDir(), speed: plant.DefaultSpeed})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, b := range config.Buses {
		for _, d := range b.Devices {
			if err := p.Fault(d.ID + " silence"); err != nil {
				t.Errorf("%s on a bus of %s: %v", d.ID, b.Driver, err)
			}
		}
	}
}
