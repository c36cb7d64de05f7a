package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// pointsYAML has a point of each kind of place that Modbus devices have.
const pointsYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  line: {driver: modbus-rtu, port: DIR/line, baud: 115200, timeout: 300ms, every: 200ms}
  lan:  {driver: modbus-tcp, address: "127.0.0.1:TCP", timeout: 500ms, every: 200ms}
devices:
  relay:
    bus: line
    unit: 3
    mask_write: true
    points:
      one:    {coil: 0, write: true, on_stop: on}
      toggle: {call: {function: 5, data: 00 00 55 00}, write: true}
      reset:  {call: {function: 0x42}, write: true}
      serial: {call: {function: 0x41, data: 01, answer: 6, at: 2}, type: uint32}
      speed:  {holding: 10, bits: 4-7, write: true, verify: true}
      level:  {input: 20, write_holding: 21, write: true, verify: {within: 2s}}
      clear:  {holding: 30, read: false, write: true}
      digits: {holding: 40, type: bcd-unpacked, length: 2, write: true}
      long:   {holding: 44, type: mod10k, length: 3, write: true}
  relay-b: # another device behind the same unit id
    bus: line
    unit: 3
    points:
      two: {coil: 1, write: true}
  all:
    bus: line
    unit: 0
    points:
      one: {coil: 0, write: true}
  inverter:
    bus: lan
    points:
      power:  {sunspec: {model: 101-103, offset: 14}, type: int16, scale_register: 15, unit: W}
      limit:  {sunspec: {model: 123, offset: 5}, scale_register: 23, unit: "%", write: {min: 0, max: 100}, verify: true}
      maker:  {sunspec: {model: 1, offset: 2}, type: string, length: 16}
`

// startPoints starts the devices of pointsYAML and the gateway.
func startPoints(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "TCP", freePort(t)).Replace(pointsYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	s.gateway()
	return s
}

func TestEveryKindOfPlaceIsReadAndWritten(t *testing.T) {
	s := startPoints(t)
	sub := s.subscribe("-F", "%t %p", "-t", "device/#")
	for _, d := range []string{"relay", "relay-b", "inverter"} {
		sub.wait(0, d+" online", func(line string) bool {
			return strings.HasPrefix(line, "device/"+d+"/status ") && strings.HasSuffix(line, " online")
		})
	}
	for _, point := range []string{"relay/serial", "relay/level", "inverter/power", "inverter/maker"} {
		sub.expect("device/" + point + " ")
	}
	for _, c := range []struct{ topic, value, reply string }{
		{"relay/one", "on", `{"ok":true,"point":"one","value":true}`},
		{"relay/toggle", "true", `{"ok":true,"point":"toggle","value":true}`},
		{"relay/toggle", "false", `write true to make it`},
		{"relay/reset", "1", `{"ok":true,"point":"reset","value":true}`},
		{"relay/speed", "9", `{"ok":true,"point":"speed","value":9}`},
		{"relay/speed", "16", `16 is not from 0 to 15`},
		{"relay/level", "77", `{"ok":true,"point":"level","value":77}`},
		{"relay/clear", "1", `{"ok":true,"point":"clear","value":1}`},
		{"relay/digits", "4711", `{"ok":true,"point":"digits","value":4711}`},
		{"relay/digits", "10000", `10000 is not from 0 to 9999`},
		{"relay/long", "123456789012", `{"ok":true,"point":"long","value":123456789012}`},
		{"relay-b/two", "on", `{"ok":true,"point":"two","value":true}`},
		{"all/one", "off", `{"ok":true,"point":"one","value":false}`},
		{"inverter/limit", "49.5", `{"ok":true,"point":"limit","value":49.5}`},
		{"inverter/limit", "101", `101 is above the maximum 100`},
	} {
		from := sub.count()
		s.publish("-t", "device/"+c.topic+"/set", "-m", c.value)
		sub.wait(from, c.topic+" "+c.value+": "+c.reply, func(line string) bool {
			return strings.Contains(line, "/reply ") && strings.Contains(line, c.reply)
		})
	}
	for _, point := range []string{"speed 9", "level 77", "digits 4711", "long 123456789012"} {
		sub.expect("device/relay/" + point)
	}
	sub.expect("device/relay-b/two true")
	sub.expect("device/inverter/limit 49.5")
	sub.wait(0, "the broadcast", func(line string) bool { return line == "device/relay/one false" })
}
func TestValuesForAStopAreWritten(t *testing.T) {
	s := startPoints(t)
	sub := s.subscribe("-F", "%t %p", "-t", "device/relay/one")
	sub.expect("device/relay/one ")
	s.publish("-t", "device/relay/one/set", "-m", "off")
	sub.expect("device/relay/one false")
	s.run.stop(syscall.SIGTERM)
	stdout, stderr, code := output(t, binary, "read", "relay", "one", "--config", s.file)
	if code != 0 || !strings.Contains(stdout, "true") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// A tool that opens the chip, and ends, is neither a start nor a stop of the gateway.
func TestLinesHaveTheirValuesForAStop(t *testing.T) {
	s, _, _ := startChip(t)
	live := s.subscribe("-t", "device/door/horn")
	live.expect(" false")
	s.publish("-t", "device/door/horn/set", "-m", "on")
	live.expect(" true")
	s.run.stop(syscall.SIGTERM)
	for _, c := range []struct{ words, want string }{
		{"read door horn", "false"}, {"write door horn on", "true"}, {"read door horn", "true"},
		{"doctor --part wiring", "all 6 points have values"}, {"record --for 300ms --out " + filepath.Join(t.TempDir(), "kept") + " " + s.file, ""},
		{"explain " + s.file + " door horn", "true"},
	} {
		words := strings.Fields(c.words)
		if !strings.Contains(c.words, s.file) {
			words = append(words, "--config", s.file)
		}
		stdout, stderr, code := output(t, binary, words...)
		if code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%s: exit %d: %s%s, want %s", c.words, code, stdout, stderr, c.want)
		}
	}
}

func TestRangesMakeDevicesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:` + s.mqtt + `"}]}
buses: {lan: {driver: modbus-tcp, address: "127.0.0.1:` + freePort(t) + `", every: 200ms}}
devices:
  tank-{1..3}:
    bus: lan
    unit: {21..23}
    points:
      level_{1..2}: {holding: {0..1}, write: true}
      sum: {expr: level_1 + level_2}
`
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	s.gateway()
	sub := s.subscribe("-F", "%t %p", "-t", "device/#")
	for _, d := range []string{"tank-1", "tank-2", "tank-3"} {
		sub.wait(0, d+" online", func(line string) bool { return line == "device/"+d+"/status online" })
	}
	s.publish("-t", "device/tank-3/set", "-m", `{"level_1": 40, "level_2": 2}`)
	sub.expect("device/tank-3/sum 42")
	s.run.stop(syscall.SIGTERM)
	stdout, stderr, code := output(t, binary, "read", "tank-3", "sum", "level_1", "--config", s.file)
	if code != 0 || !strings.Contains(stdout, "computed as level_1 + level_2") || !strings.Contains(stdout, "  42\n") || !strings.Contains(stdout, "  40\n") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

func TestLessonsAreKeptAndForgotten(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := `
gateway: {id: box, data: DIR/data}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses: {lan: {driver: modbus-tcp, address: "127.0.0.1:TCP", every: 200ms}}
devices:
  plc:
    bus: lan
    points: {a: {input: 0}, b: {input: 2}, gone: {input: 160}}
`
	port := freePort(t)
	text = strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "TCP", port).Replace(text)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, debianPython, "testdata/pymodbus_server.py", "tcp", port).expect("serving")
	s.gateway()
	sub := s.subscribe("-t", "device/plc/state")
	sub.expect(`"errors":{"gone":"illegal data address"}`)
	s.run.stop(syscall.SIGTERM)
	s.gateway()
	learned := func(args ...string) string {
		stdout, stderr, code := output(t, binary, append([]string{"learned", s.file}, args...)...)
		if code != 0 {
			t.Errorf("learned %v: exit %d: %s", args, code, stderr)
		}
		return stdout
	}
	if got := learned(); !strings.HasPrefix(got, "plc  input 160 (1)  refused: illegal data address, since 20") {
		t.Errorf("after a restart: %q", got)
	}
	if got := learned("plc", "--forget", "--json"); !strings.HasPrefix(got, `{"device":"plc","bus":"lan","lessons":{"unit":1,"refused":[{"table":"input","first":160,"count":1,"code":2,`) {
		t.Errorf("got %q", got)
	}
}
