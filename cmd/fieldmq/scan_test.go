package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"fieldmq/gateway/scan"
)

// scanYAML is a site of which scan is to find everything by itself.
const scanYAML = `
gateway: {id: box}
buses:
  slow: {driver: modbus-rtu, port: DIR/slow, baud: 9600}
  even: {driver: modbus-rtu, port: DIR/even, baud: 19200, parity: even}
  fast: {driver: modbus-rtu, port: DIR/fast, baud: 38400}
  net:  {driver: modbus-tcp, address: "127.0.0.1:PORT"}
devices:
  meter:   {bus: slow, unit: 1, profile: eastron/sdm630}
  small:   {bus: slow, unit: 6, profile: eastron/sdm120}
  unknown: {bus: even, unit: 7, points: {x: {holding: 0, write: true}}}
  second:  {bus: even, unit: 2, profile: eastron/sdm630}
  third:   {bus: fast, unit: 3, profile: xy/md02}
  gavazzi: {bus: net, unit: 2, profile: carlo-gavazzi/em24}
  air:     {bus: net, unit: 3, profile: xy/md02}
`

func TestScannedSiteRuns(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	file, found := filepath.Join(dir, "site.yaml"), filepath.Join(dir, "found.yaml")
	text := strings.NewReplacer("DIR", dir, "PORT", port).Replace(scanYAML)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", file).expect("type a fault")
	stdout, stderr, code := output(t, binary, "scan", dir+"/slow", dir+"/even", dir+"/fast", "127.0.0.1:"+port, "--last", "8", "--timeout", "400ms", "--write", found)
	if code != 0 {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	written, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"baud: 9600, data_bits: 8, driver: \"modbus-rtu\", parity: \"none\"", "baud: 19200, data_bits: 8, driver: \"modbus-rtu\", parity: \"even\"", "baud: 38400", "profile: eastron/sdm630", "profile: eastron/sdm120", "holding-0:", "profile: carlo-gavazzi/em24", "profile: xy/md02"} {
		if !bytes.Contains(written, []byte(want)) {
			t.Errorf("no %s in\n%s", want, written)
		}
	}
	if _, stderr, code := output(t, binary, "scan", "127.0.0.1:"+port, "--last", "3", "--write", found); code != 1 || !strings.Contains(stderr, "file exists") {
		t.Errorf("what was found before is written over: exit %d: %s", code, stderr)
	}
	broker := "gateway: {id: box}\nbroker: {listen: [{url: \"mqtt://127.0.0.1:" + freePort(t) + "\"}]}\n"
	if err := os.WriteFile(found, append([]byte(broker), written...), 0o644); err != nil {
		t.Fatal(err)
	}
	run := start(t, binary, "run", "--config", found)
	for _, device := range []string{"sdm630-1", "sdm120-6", "unit-7", "sdm630-2", "md02-3", "em24-2", "md02-3-2"} {
		online := regexp.MustCompile(`device online.* device=` + device + `$`)
		run.wait(0, device+" online", online.MatchString)
	}
}

func TestStoppedScanKeepsWhatItFound(t *testing.T) {
	file, _ := startDevices(t)
	panel := filepath.Join(filepath.Dir(file), "panel")
	found := filepath.Join(t.TempDir(), "found.yaml")
	p := start(t, binary, "scan", panel, "--timeout", "2s", "--json", "--write", found)
	line := p.expect(`"unit":2`)
	if code := p.stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d", code)
	}
	var f scan.Found
	if err := json.Unmarshal([]byte(line), &f); err != nil || f.Bus != panel+" 19200 8N1" {
		t.Errorf("%v: %s", err, line)
	}
	if _, stderr, code := output(t, binary, "check", found); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestScanThatHearsNobodySaysSo(t *testing.T) {
	silent, _ := nullModem(t)
	_, stderr, code := output(t, binary, "scan", silent+" 115200 8N1", "--last", "2", "--timeout", "20ms")
	if code != 4 || !strings.Contains(stderr, "nobody answered") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
