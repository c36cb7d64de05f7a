package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldmq/gateway/doctor"
)

// A file that is not on this machine may be on that of the gateway.
func TestCheckWarnsOfFilesAndDoctorFindsThemBad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "site.yaml")
	text := "broker:\n  listen: [{url: \"mqtts://127.0.0.1:" + freePort(t) + "\", cert: a.crt, key: a.key}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := output(t, binary, "check", file)
	want := "broker.listen[0].cert: warning: " + dir + "/a.crt: no such file or directory"
	if code != 0 || !strings.Contains(stdout, "no faults") || !strings.Contains(stderr, file+":2:") || !strings.Contains(stderr, want) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	stdout, _, code = output(t, binary, "check", "--json", file)
	var all []struct {
		Path    string
		Line    int
		Warning bool
	}
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || code != 0 || len(all) != 2 {
		t.Fatalf("exit %d, %v: %s", code, err, stdout)
	}
	if w := all[1]; !w.Warning || w.Line != 2 || w.Path != "broker.listen[0].key" {
		t.Errorf("got %+v", all)
	}
	has(t, findings(t, 1, file, "--part", "broker"), doctor.Bad, "broker", "mqtts://", "a.key: no such file or directory")
}
