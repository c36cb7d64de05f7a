package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"fieldmq/gateway/traffic"
)

// recordingOf reads a recording.
func recordingOf(t *testing.T, file string) *traffic.Recording {
	t.Helper()
	r, err := readRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// voltageSaid are the values that lines of messages say the meter had.
func voltageSaid(lines []string) map[string]bool {
	said := map[string]bool{}
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l, "device/meter/voltage "); ok {
			said[v] = true
		}
	}
	return said
}

func TestRecordingIsReplayedThroughTheGateway(t *testing.T) {
	file, sim := startDevices(t, "--speed", "600")
	kept := filepath.Join(t.TempDir(), "kept.traffic")
	_, stderr, code := output(t, binary, "record", file, "--for", "6s", "--out", kept, "--via", "none")
	if code != 0 || !strings.Contains(stderr, "buses") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	sim.kill() // nothing real answers from here on
	r := recordingOf(t, kept)
	for _, bus := range []string{"panel", "scale", "plc", "pins"} {
		if len(r.On(bus)) == 0 {
			t.Errorf("nothing of bus %s, only of %v", bus, r.Names())
		}
	}
	stdout, stderr, code := output(t, binary, "replay", kept, "--config", file, "--speed", "2")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"device/boiler/status online", "device/meter/voltage 2", "device/tank/level ", "device/weigher/weight ", "device/door/open ", "device/door/lamp "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s%s", want, stdout, stderr)
		}
	}
	if !regexp.MustCompile(`exchanges played: [1-9]\d+`).MatchString(stderr) {
		t.Errorf("it says %s", stderr)
	}
	if got := voltageSaid(strings.Split(stdout, "\n")); len(got) < 3 {
		t.Errorf("the values stand still: %v", got)
	}
}

func TestRunningGatewayIsRecorded(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	kept := filepath.Join(t.TempDir(), "kept.traffic")
	p := start(t, binary, "record", s.file, "panel", "scale", "--out", kept)
	p.expect("the gateway box has ")
	sub := s.subscribe("-t", "device/box/tools/panel/traffic")
	sub.expect("panel > 01 04 ")
	sub.expect("panel < 01") // one byte or more at a time
	if code := p.stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d", code)
	}
	r := recordingOf(t, kept)
	if len(r.Buses) != 2 || len(r.On("panel")) < 2 {
		t.Errorf("%v, %d lines", r.Buses, len(r.Lines))
	}
}

// What passed in Modbus ASCII by way of a box on the network is not played as RTU.
func TestASCIIOverTCPIsReplayed(t *testing.T) {
	file, kept := filepath.Join(t.TempDir(), "site.yaml"), filepath.Join(t.TempDir(), "kept.traffic")
	const site = `
gateway: {id: box}
buses: {far: {driver: modbus-ascii-tcp, address: "127.0.0.1:9"}}
devices: {pump: {bus: far, unit: 1, every: 100ms, points: {speed: {holding: 0}}}}
`
	recording := fmt.Sprintf("%s\n2026-11-28T19:10:00Z far > % X\n2026-11-28T19:10:00.01Z far < % X\n",
		traffic.Title, ":010300000001FB\r\n", ":010302002AD0\r\n")
	for name, text := range map[string]string{file: site, kept: recording} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, stderr, code := output(t, binary, "replay", kept, "--config", file); code != 0 || !strings.Contains(stdout, "device/pump/speed 42\n") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

func TestFaultsOfRecordings(t *testing.T) {
	file, sim := startDevices(t)
	sim.kill()
	recordingWith := func(line string) (file string) {
		file = filepath.Join(t.TempDir(), "kept.traffic")
		if err := os.WriteFile(file, []byte(traffic.Title+"\n2026-11-28T19:10:00Z "+line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	kept := recordingWith("other > 01")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"record", file, "nobus"}, 2, "the file has panel, plc, scale, pins"},
		{[]string{"record", file, "panel", "--out", kept}, 1, "file exists"},
		{[]string{"replay", kept, "--config", file}, 2, "the recording has [other], and the file no such bus"},
		{[]string{"replay", file, "--config", file}, 1, "site.yaml:1: this is no recording"},
		{[]string{"replay", kept, "--config", file, "--speed", "0"}, 2, "--speed 0"},
		{[]string{"replay", recordingWith("pins < line 17 up GPIO17"), "--config", file}, 1, `kept.traffic:2: "up" is not high, low, rising or falling; correct this line`},
		{[]string{"replay", recordingWith("pins < 01"), "--config", file}, 1, "bus pins: driver gpio cannot take what the recording has: 01; give the file"},
		{[]string{"replay", recordingWith("panel < line 17 high"), "--config", file}, 1, "bus panel: driver modbus-rtu cannot take what the recording has: line 17 high"},
	} {
		if _, stderr, code := output(t, binary, c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, want %d: %s", c.args, code, c.code, stderr)
		}
	}
}
