package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldmq/gateway/probe"
)

func TestExplainFindsASwappedOrder(t *testing.T) {
	file, sim := startDevices(t)
	stdout, _, code := output(t, binary, "explain", file, "meter", "voltage")
	if code != 0 || !strings.Contains(stdout, "unit 1 input 0, which manuals call 30001") || !strings.Contains(stdout, "\n* 2") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), "type: float32, unit: V", "type: float32, order: CDAB, unit: V", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, _, code = output(t, binary, "explain", wrong, "meter", "voltage", "--json")
	var x probe.Explanation
	if err := json.Unmarshal([]byte(stdout), &struct {
		Views *[]probe.View
	}{&x.Views}); err != nil || code != 0 || len(x.Views) == 0 || x.Views[0].Order != "ABCD" || x.Views[0].Type != "float32" {
		t.Errorf("exit %d, %v: %s", code, err, stdout)
	}
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{"meter", "volts"}, 2}, {[]string{"nobody", "x"}, 2}} {
		if _, stderr, code := output(t, binary, append([]string{"explain", file}, c.args...)...); code != c.code {
			t.Errorf("%v: exit %d: %s", c.args, code, stderr)
		}
	}
	stdout, _, code = output(t, binary, "explain", file, "weigher", "weight")
	if code != 0 || !strings.Contains(stdout, `kg\r\n"`) || !strings.Contains(stdout, " kg\n") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	stdout, _, _ = output(t, binary, "explain", file, "boiler", "flow")
	if !strings.Contains(stdout, "0.000 ms > 02 04 00 64 00 01 ") || !strings.Contains(stdout, " ms < 02") {
		t.Errorf("the bytes are missing: %s", stdout)
	}
	sim.say("meter silence")
	sim.expect("faults now")
	if _, stderr, code := output(t, binary, "explain", file, "meter", "voltage"); code != 4 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
