package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsAreReadByPrometheusOwnParser(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	address := "127.0.0.1:" + freePort(t)
	s.edit("gateway: {id: box}\n", "gateway: {id: box}\nmetrics: {listen: \""+address+"\", values: true}\n")
	if _, errs, code := output(t, binary, "reload", "--config", s.file); code != exitDone {
		t.Fatal(errs)
	}
	out, errs, code := output(t, "/usr/bin/python3", "testdata/metrics_reader.py", "http://"+address+"/metrics")
	if code != 0 {
		t.Fatal(errs)
	}
	for _, want := range []string{
		"fieldmq_build_info gauge 1 True", "fieldmq_device_up gauge 6 True", "fieldmq_device_polls counter 12 True",
		"fieldmq_poll_duration_seconds histogram 65 True", "fieldmq_value gauge", "fieldmq_config_reload_success gauge 1 True",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "untyped") || strings.Contains(out, "False") {
		t.Errorf("a figure has no type or no help:\n%s", out)
	}
}

func TestProfilesAreForThisMachineOnly(t *testing.T) {
	file := writeSite(t, "{}")
	_, errs, code := output(t, binary, "run", "--config", file, "--pprof", "0.0.0.0:0")
	if code != exitUsage || !strings.Contains(errs, "ssh -L") {
		t.Errorf("exit %d: %s", code, errs)
	}
	run := start(t, binary, "run", "--config", writeSite(t, "broker: {listen: [{url: \"mqtt://127.0.0.1:0\"}]}"), "--pprof", "127.0.0.1:0")
	line := run.expect("/debug/pprof/")
	_, url, _ := strings.Cut(line, "url=")
	out, errs, code := output(t, "/usr/bin/python3", "-c", "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())", strings.Trim(url, `"`)+"goroutine?debug=1")
	if code != 0 || !strings.Contains(out, "goroutine profile") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// writeSite writes a configuration file of its own folder.
func writeSite(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
