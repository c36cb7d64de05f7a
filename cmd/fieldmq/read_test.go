package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fieldmq/firmware-sim/cable"
)

// startDevices simulates the devices of siteYAML, without a gateway, and
// returns the file.
func startDevices(t *testing.T, simFlags ...string) (file string, sim *process) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "site.yaml")
	text := strings.NewReplacer("DIR", dir, "MQTT", freePort(t), "WS", freePort(t), "PLC", freePort(t)).Replace(siteYAML)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	sim = start(t, binary, append([]string{"sim", "--config", file}, simFlags...)...)
	sim.expect("type a fault")
	return file, sim
}

func TestRegistersOfAForeignServerAreRead(t *testing.T) {
	port := freePort(t)
	start(t, debianPython, "testdata/pymodbus_server.py", "tcp", port).expect("serving")
	ours, theirs := nullModem(t)
	start(t, debianPython, "testdata/pymodbus_server.py", "rtu", theirs).expect("serving")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"reads a float", []string{"input", "0", "-t", "float32"}, 0, "unit 1 input 0  30001  4366 0000  230\n"},
		{"scales", []string{"i", "0x2", "-t", "int16", "-s", "0.1"}, 0, "unit 1 input 2  30003  FF9C  -10\n"},
		{"reads several", []string{"discrete", "8", "-n", "2"}, 0, "unit 1 discrete 9  10010  1  true\n"},
		{"writes and reads back", []string{"write", "holding", "60", "-12.5", "0.1", "-t", "float32"}, 0, "unit 1 holding 62  40063  3DCC CCCD  0.1\n"},
		{"writes coils", []string{"write", "coil", "10", "1", "0", "1"}, 0, "unit 1 coil 12  00013  1  true\n"},
		{"says why not", []string{"holding", "9999"}, 1, "illegal data address"},
		{"hears nobody", []string{"holding", "0", "-u", "7"}, 4, "no answer"},
		{"cannot write inputs", []string{"write", "input", "0", "1"}, 2, "cannot be written"},
		{"knows the types", []string{"input", "0", "-t", "flaot32"}, 2, "float32"},
		{"counts from 0", []string{"holding", "40001x"}, 2, "40001 of a manual is holding 0"},
	} {
		for _, bus := range []string{"127.0.0.1:" + port + " timeout=700ms", ours + " 19200 8N1 timeout=300ms"} {
			t.Run(c.name, func(t *testing.T) {
				args := append([]string{"read"}, c.args...)
				if c.args[0] == "write" {
					args = args[1:]
				}
				if args = append(args, "-b", bus); c.code != 4 {
					args = append(args, "-u", "1")
				}
				stdout, stderr, code := output(t, binary, args...)
				if code != c.code || !strings.Contains(stdout+stderr, c.says) {
					t.Errorf("%q: exit %d, want %d and %q:\n%s%s", args, code, c.code, c.says, stdout, stderr)
				}
			})
		}
	}
}

func TestPointsAreReadByName(t *testing.T) {
	file, sim := startDevices(t)
	stdout, _, code := output(t, binary, "read", "-c", file, "meter")
	if code != 0 || !strings.Contains(stdout, "meter/voltage  unit 1 input 0   30001  43") || !strings.Contains(stdout, " kW.h\n") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	stdout, _, _ = output(t, binary, "read", "-c", file, "boiler", "mode", "--json")
	var r struct{ Point, Place, Manual, Words, Value string }
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Point != "mode" || r.Place != "unit 2 holding 102" || r.Manual != "40103" || r.Value == "" {
		t.Errorf("%v: %s", err, stdout)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"boilr"}, "there is no device"}, {[]string{"boiler", "fow"}, "flow, setpoint, mode, pump"},
	} {
		if _, stderr, code := output(t, binary, append([]string{"read", "-c", file}, c.args...)...); code != 2 || !strings.Contains(stderr, c.says) {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
	sim.say("meter silence")
	sim.expect("faults now")
	if _, stderr, code := output(t, binary, "read", "-c", file, "meter"); code != 4 || !strings.Contains(stderr, "no answer") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestReadGoesOnUntilItIsStopped(t *testing.T) {
	file, sim := startDevices(t)
	p := start(t, binary, "read", "-c", file, "tank", "level", "--every", "50ms")
	from := 0
	for range 3 {
		_, from = p.expectAfter(from, "tank/level")
	}
	sim.say("plc silence")
	_, from = p.expectAfter(from, "no answer")
	sim.say("plc ok")
	p.expectAfter(from, " %")
	if code := p.stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestWritesByNameKeepToTheRules(t *testing.T) {
	file, _ := startDevices(t)
	stdout, stderr, code := output(t, binary, "write", "-c", file, "boiler", "setpoint", "61.5")
	if code != 0 || !strings.Contains(stdout, "0267  61.5 Cel") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	stdout, _, code = output(t, binary, "write", "-c", file, "boiler", "mode", "fault")
	if code != 0 || !strings.Contains(stdout, "0002  fault") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	for _, c := range [][2]string{{"setpoint", "99"}, {"flow", "1"}, {"mode", "hot"}} {
		if _, stderr, code := output(t, binary, "write", "-c", file, "boiler", c[0], c[1]); code != 2 {
			t.Errorf("%v: exit %d: %s", c, code, stderr)
		}
	}
}

func TestWhatMayNotBeWrittenNeedsNoBus(t *testing.T) {
	text := strings.NewReplacer("DIR", t.TempDir(), "MQTT", "1", "WS", "2", "PLC", "3").Replace(siteYAML) // which nobody simulates
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		point, value, says string
		code               int
	}{
		{"flow", "1", "read-only point", exitUsage},
		{"setpoint", "99", "above the maximum 85", exitUsage},
		{"mode", "hot", "is none of off, heating, fault", exitUsage},
		{"pump", "true", "no such port", exitFailed}, // which looks for its port
	} {
		_, stderr, code := output(t, binary, "write", "-c", file, "--via", viaNone, "boiler", c.point, c.value)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d: %s", c, code, stderr)
		}
	}
}

func TestWriteAsksAPerson(t *testing.T) {
	file, _ := startDevices(t)
	for answer, want := range map[string]struct {
		code int
		says string
	}{"n": {1, "nothing was written"}, "y": {0, "01F4  50 Cel"}} {
		person, err := cable.Open("")
		if err != nil {
			t.Fatal(err)
		}
		terminal, err := os.OpenFile(person.Port(), os.O_RDWR|syscall.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "write", "-c", file, "boiler", "setpoint", "50")
		cmd.Stdin = terminal
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(person, answer+"\n"); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the exit code is looked at below
		if text := string(said); cmd.ProcessState.ExitCode() != want.code || !strings.Contains(text, "[y/N]") || !strings.Contains(text, want.says) {
			t.Errorf("%s: exit %d: %s", answer, cmd.ProcessState.ExitCode(), text)
		}
		terminal.Close()
		person.Close()
	}
}

func TestPromptEndsWithCtrlC(t *testing.T) {
	file, _ := startDevices(t)
	person, err := cable.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	terminal, err := os.OpenFile(person.Port(), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	cmd := exec.Command(binary, "write", "-c", file, "boiler", "setpoint", "50")
	cmd.Stdin = terminal
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 1024)
	for text := ""; !strings.Contains(text, "[y/N]"); {
		n, err := out.Read(said)
		if err != nil {
			t.Fatal(err)
		}
		text += string(said[:n])
	}
	cmd.Process.Signal(syscall.SIGINT)
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		cmd.Process.Kill()
		<-ended
		t.Fatal("Ctrl-C does not end the question")
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit %d", code)
	}
}
