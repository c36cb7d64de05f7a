package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// servedYAML is a line that other masters reach too, over TCP and on a line of
// their own.
const servedYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  panel:
    driver: modbus-rtu
    port: DIR/panel
    baud: 19200
    timeout: 200ms
    every: 200ms
    serve:
      - listen: 127.0.0.1:TCP
        max_age: 1s
        wait: 5s
        allow:
          - {units: [1, 2, 7]}
          - {from: [127.0.0.0/8], units: [2], functions: [6, 16], registers: [101-102], write: true}
      - line: {port: SCADA, baud: 19200}
        wait: 5s
devices:
  meter:
    bus: panel
    unit: 1
    points:
      voltage: {input: 0, type: float32, unit: V, round: 1}
  boiler:
    bus: panel
    unit: 2
    points:
      setpoint: {holding: 101, type: int16, scale: 0.1, unit: Cel, write: {min: 30, max: 85}}
      mode:     {holding: 102, enum: {0: off, 1: heating, 2: fault}, write: true}
      pump:     {coil: 3, write: true}
`

func TestOtherMastersReachTheBus(t *testing.T) {
	dir, tcp := t.TempDir(), freePort(t)
	ours, theirs := nullModem(t)
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "TCP", tcp, "SCADA", ours).Replace(servedYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	s.run.expect("serving other masters")
	s.run.expect("serving another master")
	sub := s.subscribe("-t", "device/+/+")
	sub.expect("device/boiler/setpoint ")

	t.Run("mbpoll over TCP", func(t *testing.T) {
		mbpoll := func(args ...string) string {
			stdout, stderr, _ := output(t, "mbpoll", append([]string{"-1", "-0", "-o", "10", "-p", tcp}, args...)...)
			return stdout + stderr
		}
		if got := mbpoll("-a", "1", "-t", "3:float", "-B", "-r", "0", "-c", "1", "127.0.0.1"); !strings.Contains(got, "[0]: \t2") {
			t.Errorf("no voltage in\n%s", got)
		}
		if got := mbpoll("-a", "2", "-t", "4", "-r", "101", "127.0.0.1", "405"); !strings.Contains(got, "Written 1 references") {
			t.Errorf("not written:\n%s", got)
		}
		sub.expect("device/boiler/setpoint 0 40.5")
		if got := mbpoll("-a", "2", "-t", "0", "-r", "3", "127.0.0.1", "1"); !strings.Contains(got, "Illegal function") {
			t.Errorf("a coil was written:\n%s", got)
		}
		if got := mbpoll("-a", "2", "-t", "4", "-r", "100", "127.0.0.1", "1"); !strings.Contains(got, "Illegal data address") {
			t.Errorf("a register beside was written:\n%s", got)
		}
	})
	t.Run("mbpoll on a serial line", func(t *testing.T) {
		stdout, stderr, code := output(t, "mbpoll", "-1", "-0", "-o", "10", "-m", "rtu", "-b", "19200", "-P", "none",
			"-a", "2", "-t", "4", "-r", "101", "-c", "1", theirs)
		if code != 0 || !strings.Contains(stdout, "[101]: \t405") {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
		stdout, stderr, _ = output(t, "mbpoll", "-1", "-0", "-o", "10", "-m", "rtu", "-b", "19200", "-P", "none",
			"-a", "2", "-t", "4", "-r", "101", theirs, "500")
		if !strings.Contains(stdout+stderr, "Illegal function") {
			t.Errorf("written without leave: %s%s", stdout, stderr)
		}
	})
	t.Run("pymodbus", func(t *testing.T) {
		stdout, stderr, code := output(t, debianPython, "testdata/pymodbus_client.py", tcp)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		want := []string{"read 405 *", "write done", "read 415", "write many done", "read 425 1", "coil exception 1", "other unit exception 10", "silent unit exception 11"}
		if code != 0 || len(lines) != len(want) {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
		for i, w := range want {
			if head, any := strings.CutSuffix(w, "*"); lines[i] != w && !(any && strings.HasPrefix(lines[i], head)) {
				t.Errorf("%q, want %q", lines[i], w)
			}
		}
	})
	from := sub.count()
	sub.expectAfter(from, "device/meter/state")
	for _, line := range sub.printed() {
		if strings.HasSuffix(line, "status 0 offline") {
			t.Errorf("the gateway lost a device: %s", line)
		}
	}
}
