package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestToolsAskTheGatewayThatHoldsThePort(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	panel := filepath.Join(filepath.Dir(s.file), "panel")
	broker := "mqtt://127.0.0.1:" + s.mqtt
	const says = "the gateway box has "
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"reads points", []string{"read", "-c", s.file, "boiler", "setpoint", "mode"}, 0, "boiler/mode  ", says + panel + " 19200 8N1"},
		{"reads registers", []string{"read", "-c", s.file, "-b", panel + " 9600", "-u", "1", "input", "0", "-t", "float32"}, 0, "unit 1 input 0  30001  43", says},
		{"reads by way of a broker that is named", []string{"read", "--via", broker, "-b", panel, "-u", "2", "holding", "101"}, 0, "unit 2 holding 101", says},
		{"hears a refusal", []string{"read", "--via", broker, "-b", panel, "-u", "2", "holding", "999"}, 1, "illegal data address", says},
		{"hears nobody", []string{"read", "--via", broker, "-b", panel, "-u", "9", "holding", "0"}, 4, "no answer", says},
		{"writes points", []string{"write", "-c", s.file, "boiler", "setpoint", "61.5"}, 0, "61.5", says},
		{"keeps to the limits", []string{"write", "-c", s.file, "boiler", "setpoint", "95"}, 2, "", "above the maximum 85"},
		{"may not write registers", []string{"write", "--via", broker, "-b", panel, "-u", "2", "holding", "101", "415"}, 1, "", "set gateway.tools to write"},
		{"explains", []string{"explain", s.file, "meter", "voltage"}, 0, "unit 1 input 0, which manuals call 30001", says},
		{"scans", []string{"scan", "--via", broker, panel, "--last", "4", "--timeout", "200ms"}, 0, panel + " 19200 8N1 unit 2: ", says},
		{"finds no such bus", []string{"read", "--via", broker, "-b", "/dev/ttyNONE", "-u", "2", "holding", "0"}, 1, "", "has /dev/ttyNONE"},
		{"finds no broker", []string{"read", "--via", "mqtt://127.0.0.1:1", "-b", panel, "-u", "2", "holding", "0"}, 1, "", "connection refused"},
		{"is lent no line of text", []string{"read", "-c", s.file, "weigher"}, 1, "", "lends Modbus buses only"},
		{"is shown no line of text", []string{"explain", s.file, "weigher", "weight", "--via", broker}, 1, "", "lends Modbus buses only"},
		{"is lent no chip", []string{"read", "-c", s.file, "door", "--via", broker}, 1, "", "lends Modbus buses only"},
		{"asks no gateway", []string{"read", "-c", s.file, "--via", "none", "boiler"}, 1, "", "port in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := output(t, binary, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d, want %d:\n%s%s", code, c.code, stdout, stderr)
			}
		})
	}
	sub := s.subscribe("-t", "device/+/status")
	sub.expect("device/boiler/status 1 online")
	sub.expect("device/meter/status 1 online")
}

func TestRulesGuardTheTools(t *testing.T) {
	s := startSite(t)
	s.run.kill()
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	rules := strings.Replace(string(text), "gateway: {id: box}", "gateway: {id: box, tools: write}", 1)
	rules = strings.Replace(rules, "  listen:\n", "  access:\n    - {publish: [\"device/+/+/set\"], subscribe: [\"#\"]}\n  listen:\n", 1)
	if err := os.WriteFile(s.file, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	s.run.expect(`msg="bus open" bus=panel`)
	panel := filepath.Join(filepath.Dir(s.file), "panel")
	args := []string{"write", "-c", s.file, "-b", panel, "-u", "2", "holding", "101", "415"}
	if _, stderr, code := output(t, binary, args...); code != 1 || !strings.Contains(stderr, "port in use") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	s.run.kill()
	if err := os.WriteFile(s.file, []byte(strings.Replace(rules, `"device/+/+/set"`, `"device/+/+/set", "device/box/tools/#"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	s.allOnline()
	if stdout, stderr, code := output(t, binary, args...); code != 0 || !strings.Contains(stdout, "unit 2 holding 101  40102  019F  415") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}
