package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldmq/gateway/doctor"
)

// findings are those that doctor prints.
func findings(t *testing.T, code int, args ...string) []doctor.Finding {
	t.Helper()
	stdout, stderr, got := output(t, binary, append([]string{"doctor", "--json"}, args...)...)
	if got != code {
		t.Fatalf("exit %d, want %d: %s%s", got, code, stdout, stderr)
	}
	var all []doctor.Finding
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var f doctor.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, f)
	}
	return all
}

// has checks that there is a finding of a level about a place with a text.
func has(t *testing.T, all []doctor.Finding, level doctor.Level, part, where, what string) {
	t.Helper()
	for _, f := range all {
		if f.Level == level && f.Part == part && strings.Contains(f.Where, where) && strings.Contains(f.What, what) {
			if level == doctor.Bad && f.Do == "" {
				t.Errorf("%s: %s: nothing is said about what to do", f.Where, f.What)
			}
			return
		}
	}
	t.Errorf("nothing %s about %s %s: %q in\n%+v", level, part, where, what, all)
}

func TestDoctorTellsWiringApart(t *testing.T) {
	file, sim := startDevices(t)
	all := findings(t, 0, file, "--part", "port,wiring")
	has(t, all, doctor.OK, "port", "panel", "nobody has it open")
	has(t, all, doctor.OK, "wiring", "panel, boiler (unit 2)", "answers after")
	has(t, all, doctor.OK, "wiring", "plc, tank (unit 1)", "answers after")
	has(t, all, doctor.OK, "wiring", "scale, weigher", "all 1 points have values")
	has(t, all, doctor.OK, "wiring", "pins, door", "all 2 points have values")
	for _, c := range []struct {
		fault       string
		where, what string
	}{
		{"boiler silence", "panel", "unit 2: not a bit comes back"},
		{"meter crc", "panel, meter", "its checksum is wrong"},
		{"meter truncate", "panel, meter", "the beginning of an answer comes"},
		{"meter wrong-unit", "panel, meter", "another unit answers"},
		{"tank silence", "plc, tank", "no answer"},
	} {
		sim.say(c.fault)
		sim.expect(c.fault)
		has(t, findings(t, 1, file, "--part", "wiring"), doctor.Bad, "wiring", c.where, c.what)
		sim.say("all ok")
		sim.wait(sim.count()-1, "no faults", func(line string) bool { return strings.Contains(line, "no faults now") })
	}
	sim.say("meter garbage")
	sim.expect("meter garbage")
	has(t, findings(t, 0, file, "--part", "wiring"), doctor.Warn, "wiring", "panel, meter", "stray bytes around")
	holder := start(t, debianPython, "-c", "import serial,sys,time; s=serial.Serial(sys.argv[1]); print('held',flush=True); time.sleep(60)", filepath.Join(filepath.Dir(file), "panel"))
	holder.expect("held")
	all = findings(t, 1, file, "--part", "port")
	has(t, all, doctor.Bad, "port", "panel", "held by another program")
	has(t, all, doctor.Bad, "port", "panel", "python3")
}

func TestDoctorLooksAtTheWholeBox(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "site.yaml")
	port := freePort(t)
	text := strings.NewReplacer("DIR", dir, "PORT", port, "MQTT", freePort(t), "DEAD", freePort(t)).Replace(`
gateway: {id: box, data: DIR/data/deep}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  a: {driver: modbus-rtu, port: DIR/none}
  b: {driver: modbus-tcp, address: "127.0.0.1:DEAD", timeout: 300ms}
  c: {driver: gpio, chip: gpiochip77}
devices:
  x: {bus: a, unit: 1, points: {v: {holding: 0}}}
  y: {bus: b, points: {v: {holding: 0}}}
  z: {bus: c, points: {fan: {pwm: pwmchip77, line: 0, write: true}}}
upstreams:
  good: {url: "mqtt://127.0.0.1:PORT", client_id: good, out: [{topic: "device/#"}]}
  dead: {url: "mqtt://127.0.0.1:DEAD", client_id: dead, out: [{topic: "device/#"}]}
  lost: {url: "mqtts://no.such.host.invalid", client_id: lost, out: [{topic: "device/#"}]}
  tls:  {url: "mqtts://127.0.0.1:PORT", client_id: tls, out: [{topic: "device/#"}]}
`)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	startMosquitto(t, "-v", "-c", conf)
	all := findings(t, 1, file)
	has(t, all, doctor.Bad, "disk", dir+"/data/deep", "cannot be made in "+dir+"/data")
	has(t, all, doctor.Bad, "port", "a", dir+"/none is not there")
	has(t, all, doctor.Bad, "wiring", "b", "connection refused")
	has(t, all, doctor.Bad, "port", "c, z/fan", "pwmchip77 channel 0 cannot be had: there is no PWM chip pwmchip77")
	has(t, all, doctor.Bad, "wiring", "c, z", "fan: ")
	if slices.ContainsFunc(all, func(f doctor.Finding) bool { return strings.Contains(f.What, "gpiochip77") }) {
		t.Errorf("PWM outputs alone need no chip: %+v", all)
	}
	has(t, all, doctor.OK, "broker", "mqtt://127.0.0.1:", "the address is free")
	has(t, all, doctor.OK, "cloud", "good", "lets the gateway in as client good")
	has(t, all, doctor.Bad, "cloud", "dead", "nothing listens at that address")
	has(t, all, doctor.Bad, "cloud", "lost", "DNS: ")
	has(t, all, doctor.Bad, "cloud", "tls", "does not speak TLS")
	stdout, _, code := output(t, binary, "doctor", file, "--part", "clock,broker")
	if !strings.Contains(stdout, "clock") || !strings.Contains(stdout, "ok    broker  mqtt://127.0.0.1:") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if _, stderr, code := output(t, binary, "doctor", file, "--part", "car"); code != 2 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestDoctorAsksTheGatewayThatRuns(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	all := findings(t, 0, s.file, "--part", "port,wiring,broker")
	has(t, all, doctor.OK, "port", "panel", "the gateway has it")
	has(t, all, doctor.OK, "wiring", "panel, boiler", "answers after")
	has(t, all, doctor.OK, "broker", "mqtt://", "the gateway listens")
	s.sim.say("boiler silence")
	s.subscribe("-t", "device/boiler/status").expect("device/boiler/status 0 offline")
	has(t, findings(t, 1, s.file, "--part", "wiring"), doctor.Bad, "wiring", "panel, boiler", "is offline: no answer")
}
