package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProfilesAreListedAndPrinted(t *testing.T) {
	list, _, code := output(t, binary, "profiles")
	if code != 0 || !strings.Contains(list, "eastron/sdm630 ") || !strings.Contains(list, "Eastron SDM630 ") {
		t.Errorf("exit %d: %s", code, list)
	}
	one, _, code := output(t, binary, "profiles", "show", "eastron/sdm630")
	if code != 0 || !strings.Contains(one, "voltage_l1:") {
		t.Errorf("exit %d: %s", code, one)
	}
	if _, errs, code := output(t, binary, "profiles", "show", "eastron/sdm"); code != 2 || !strings.Contains(errs, "eastron/sdm120") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestPrintedProfileServesAsAFileOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	text, _, _ := output(t, binary, "profiles", "show", "xy/md02")
	site := "buses:\n  b: {driver: modbus-rtu, port: /dev/ttyUSB0}\ndevices:\n  air: {bus: b, unit: 1, profile: mine.yaml}\n"
	for name, content := range map[string]string{"mine.yaml": text, "site.yaml": site} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, code := output(t, binary, "check", filepath.Join(dir, "site.yaml")); code != 0 || !strings.Contains(out, "4 points") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
