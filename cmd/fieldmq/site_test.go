package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// siteYAML is a small site with a device on each kind of bus.
const siteYAML = `
gateway: {id: box}
broker:
  listen:
    - url: mqtt://127.0.0.1:MQTT
    - url: ws://127.0.0.1:WS/mqtt
buses:
  panel: {driver: modbus-rtu, port: DIR/panel, baud: 19200, timeout: 200ms, every: 200ms}
  plc:   {driver: modbus-tcp, address: "127.0.0.1:PLC", timeout: 300ms, every: 200ms}
  scale: {driver: serial, port: DIR/scale, frame: {line: "\r\n"}, every: 3s}
  pins:  {driver: gpio, chip: DIR/chip, every: 500ms}
devices:
  meter:
    bus: panel
    unit: 1
    points:
      voltage: {input: 0, type: float32, unit: V, round: 1}
      energy:  {input: 72, type: float32, unit: kW.h}
  boiler:
    bus: panel
    unit: 2
    points:
      flow:     {input: 100, type: int16, scale: 0.1, unit: Cel}
      setpoint: {holding: 101, type: int16, scale: 0.1, unit: Cel, write: {min: 30, max: 85}}
      mode:     {holding: 102, enum: {0: off, 1: heating, 2: fault}, write: true}
      pump:     {coil: 3, write: true}
  tank:
    bus: plc
    points:
      level: {holding: 0, type: uint16, scale: 0.1, unit: "%", write: {min: 0, max: 100}}
      count: {holding: 20, type: uint32, write: true}
      valve: {coil: 0, write: true}
  weigher:
    bus: scale
    points:
      weight: {match: 'ST,GS,\s*([+-]?\d+\.\d+)\s*kg', type: float, unit: kg}
  door:
    bus: pins
    points:
      open: {line: GPIO17, bias: pull-up, debounce: 10ms}
      lamp: {line: GPIO22, write: true}
`

// simDevices are the devices of siteYAML.
var simDevices = []string{"meter", "boiler", "tank", "weigher", "door"}

// site is the gateway of siteYAML with simulated devices, as processes.
type site struct {
	t        *testing.T
	file     string
	mqtt, ws string // ports
	sim, run *process
}

// startSite starts both, and returns when the broker listens.
func startSite(t *testing.T, simFlags ...string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t)).Replace(siteYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, append([]string{"sim", "--config", s.file}, simFlags...)...)
	s.sim.expect("type a fault")
	s.gateway()
	return s
}

// gateway starts the gateway.
func (s *site) gateway() {
	s.t.Helper()
	s.run = start(s.t, binary, "run", "--config", s.file)
	s.run.expect("listening")
}

// subscribe is a mosquitto_sub that prints "topic payload".
func (s *site) subscribe(args ...string) *process {
	s.t.Helper()
	return start(s.t, "mosquitto_sub", append([]string{"-h", "127.0.0.1", "-p", s.mqtt, "-F", "%t %r %p"}, args...)...)
}

// publish is a mosquitto_pub that must succeed.
func (s *site) publish(args ...string) {
	s.t.Helper()
	_, errs, code := output(s.t, "mosquitto_pub", append([]string{"-h", "127.0.0.1", "-p", s.mqtt}, args...)...)
	if code != 0 {
		s.t.Fatalf("mosquitto_pub %q: exit %d: %s", args, code, errs)
	}
}

// allOnline waits until all devices are.
func (s *site) allOnline() {
	s.t.Helper()
	sub := s.subscribe("-t", "device/+/status")
	for _, d := range append(simDevices, "box") {
		sub.expect("device/" + d + "/status ")
		sub.wait(0, d+" online", func(line string) bool {
			return strings.HasPrefix(line, "device/"+d+"/status ") && strings.HasSuffix(line, " online")
		})
	}
	sub.stop(syscall.SIGTERM)
}
