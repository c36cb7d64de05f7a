package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
)

// edit replaces a text in the site's file.
func (s *site) edit(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		s.t.Fatalf("the file has no %q", from)
	}
	if err := os.WriteFile(s.file, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

const doorYAML = `  door:
    bus: pins
    points:
      open: {line: GPIO17, bias: pull-up, debounce: 10ms}
      lamp: {line: GPIO22, write: true}
`

func TestReloadAppliesAFileHereAndInTheCloud(t *testing.T) {
	s, _, port := startBridged(t)
	s.allOnline()
	sub := above(t, port, "-t", "plant/device/#")
	sub.expect("plant/device/door/info ")
	sub.expect("plant/device/boiler/mode ")
	statuses := s.subscribe("-t", "device/+/status")
	statuses.expect("device/meter/status 1 online")
	statuses.expect("device/box/status 1 online")
	from := statuses.count()
	s.edit(doorYAML, "")
	s.edit("      mode:     {holding: 102, enum: {0: off, 1: heating, 2: fault}, write: true}\n", "")
	s.edit("      voltage: {", "      volts: {")
	out, errs, code := output(t, binary, "reload", "--config", s.file)
	if want := "device boiler: changed\ndevice door: removed\ndevice meter: changed\n"; out != want || code != exitDone {
		t.Errorf("exit %d, printed %q %q, want %q", code, out, errs, want)
	}
	s.run.expect("the configuration is in force")
	for _, topic := range []string{"door/status", "door/info", "door/state", "door/health", "door/open", "boiler/mode", "meter/voltage"} {
		sub.wait(0, "that "+topic+" is empty", func(line string) bool { return strings.TrimRight(line, " ") == "plant/device/"+topic+" 0" })
	}
	sub.expect("plant/device/meter/volts ")
	_, _ = statuses.expectAfter(from, "device/door/status 0 offline")
	for _, line := range statuses.printed()[from:] {
		if strings.HasSuffix(line, " offline") && !strings.Contains(line, "door") {
			t.Errorf("said: %s", line)
		}
	}
	if late := above(t, port, "-W", "1", "-t", "plant/device/door/#"); late.code() != 27 || strings.Contains(strings.Join(late.printed(), ""), "plant/") {
		t.Errorf("of the removed device the cloud holds %q", late.printed())
	}
}

func TestReloadOfAFaultyFileChangesNothingAndSaysWhy(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/box/reload/result")
	s.edit("unit: 2", "unit: 2000")
	s.edit(doorYAML, "")
	place := s.file + ":"
	_, errs, code := output(t, binary, "reload", "--config", s.file)
	if code != exitConfig || !strings.Contains(errs, place) || !strings.Contains(errs, "devices.boiler.unit") {
		t.Errorf("exit %d: %s", code, errs)
	}
	var o struct {
		OK     bool
		Faults []struct{ Line, Column int }
	}
	line := sub.expect(`"ok":false`)
	if err := json.Unmarshal([]byte(line[strings.Index(line, "{"):]), &o); err != nil || o.OK || len(o.Faults) != 1 || o.Faults[0].Line == 0 {
		t.Errorf("%v: %s", err, line)
	}
	from := s.run.count()
	s.run.cmd.Process.Signal(syscall.SIGHUP)
	_, _ = s.run.expectAfter(from, "the configuration stays as it was")
	s.allOnline() // the door too
	s.edit("unit: 2000", "unit: 2")
	s.run.cmd.Process.Signal(syscall.SIGHUP)
	s.run.expect(`change="device door: removed"`)
	sub.expect(`"ok":true`)
}

func TestReloadByMQTT(t *testing.T) {
	s := startSite(t)
	s.edit("  weigher:\n", "  balance:\n")
	out, errs, code := output(t, "mosquitto_rr", "-h", "127.0.0.1", "-p", s.mqtt, "-V", "5", "-q", "1", "-t", "device/box/reload", "-e", "my/answer", "-m", "", "-W", "20")
	if code != 0 || !strings.Contains(out, `"device balance: added","device weigher: removed"`) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestRollBackIsOneCommand(t *testing.T) {
	s := startSite(t)
	s.edit("gateway: {id: box}", "gateway: {id: box, data: "+t.TempDir()+"}")
	s.run.stop(syscall.SIGTERM)
	s.gateway()
	good, _ := os.ReadFile(s.file)
	rollBack := func(want string, texts ...string) {
		t.Helper()
		out, errs, code := output(t, binary, "reload", "--config", s.file, "--rollback")
		if now, _ := os.ReadFile(s.file); code != exitDone || string(now) != want {
			t.Errorf("exit %d, %s%s; the file is\n%s", code, out, errs, now)
		}
		for _, text := range texts {
			if !strings.Contains(out+errs, text) {
				t.Errorf("printed %s%s, without %q", out, errs, text)
			}
		}
	}
	s.edit("unit: 2", "unit: 2000") // never in force
	rollBack(string(good), "nothing has changed")
	s.edit(doorYAML, "")
	if out, _, _ := output(t, binary, "reload", "--config", s.file); !strings.Contains(out, "device door: removed") {
		t.Errorf("printed %s", out)
	}
	without, _ := os.ReadFile(s.file)
	rollBack(string(good), "device door: added")
	rollBack(string(without), "device door: removed")
	rollBack(string(good), "device door: added")
	s.edit("gateway: {id: box", "gateway: {id: crate")
	_, errs, code := output(t, binary, "reload", "--config", s.file)
	if code != exitFailed || !strings.Contains(errs, "gateway.id: takes a restart; nothing was changed") {
		t.Errorf("exit %d: %s", code, errs)
	}
	rollBack(string(good))
	s.run.stop(syscall.SIGTERM)
	s.edit("unit: 2", "unit: 2000")
	rollBack(string(good), "does not run")
	if _, errs, code := output(t, binary, "reload", "--config", s.file); code != exitFailed || !strings.Contains(errs, "no gateway runs with this file") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
