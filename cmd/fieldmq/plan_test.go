package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldmq/gateway/plan"
)

func TestPlanSaysWhatASiteCosts(t *testing.T) {
	dir := t.TempDir()
	light, heavy := filepath.Join(dir, "light.yaml"), filepath.Join(dir, "heavy.yaml")
	text := "gateway: {id: box}\nbuses:\n  panel: {driver: modbus-rtu, port: /dev/null/nothing, every: EVERY}\ndevices:\n  meter: {bus: panel, unit: 1, profile: eastron/sdm630}\n"
	for file, every := range map[string]string{light: "1s", heavy: "200ms"} {
		if err := os.WriteFile(file, []byte(strings.Replace(text, "EVERY", every, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := output(t, binary, "plan", light)
	for _, want := range []string{"input 0..35", "30001", "device/meter/voltage_l1", "all of panel", "retained"} {
		if code != 0 || errs != "" || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, out, errs)
		}
	}
	out, errs, code = output(t, binary, "plan", "--json", heavy)
	var p plan.Plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 || !p.Buses[0].Overloaded() || len(p.Buses[0].Advice) == 0 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if !strings.Contains(errs, "more to carry than it can") {
		t.Errorf("nobody warns: %s", errs)
	}
	out, _, code = output(t, binary, "plan", light, heavy)
	if code != 0 || !strings.Contains(out, "~ load of bus panel: 34 % -> ") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestPlanOfAFaultyFileIsItsFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, []byte("buses: {b: {driver: nothing}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := output(t, binary, "plan", file); code != 3 || !strings.Contains(errs, "site.yaml:1:") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
