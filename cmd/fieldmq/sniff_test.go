package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"fieldmq/firmware-sim/cable"
)

// tee is a line with three ports that hear each other: that of a master, that
// of its devices, and one for a listener.
func tee(t *testing.T) (master, devices, listener string) {
	t.Helper()
	var ends [3]*cable.Cable
	for i := range ends {
		c, err := cable.Open("")
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = c
	}
	var carried sync.WaitGroup
	carried.Go(func() { io.Copy(io.MultiWriter(ends[1], ends[2]), ends[0]) })
	carried.Go(func() { io.Copy(io.MultiWriter(ends[0], ends[2]), ends[1]) })
	t.Cleanup(func() {
		for _, c := range ends {
			c.Close()
		}
		carried.Wait()
	})
	return ends[0].Port(), ends[1].Port(), ends[2].Port()
}

func TestAnotherMasterIsOverheard(t *testing.T) {
	master, devices, listener := tee(t)
	start(t, debianPython, "testdata/pymodbus_server.py", "rtu", devices).expect("serving")
	dir := t.TempDir()
	found, kept := filepath.Join(dir, "found.yaml"), filepath.Join(dir, "kept.traffic")
	p := start(t, binary, "sniff", listener+" 19200 8N1", "--write", found, "--record", kept)
	poll := func(args ...string) {
		output(t, "mbpoll", append([]string{"-1", "-0", "-m", "rtu", "-b", "19200", "-P", "none", "-o", "1"}, append(args, master)...)...)
	}
	poll("-a", "1", "-t", "3:hex", "-r", "0", "-c", "3")
	p.expect("unit 1 read input 0..2 -> 4366 0000 FF9C (")
	output(t, "mbpoll", "-1", "-0", "-m", "rtu", "-b", "19200", "-P", "none", "-a", "1", "-t", "4", "-r", "10", master, "77")
	p.expect("unit 1 write holding 10 = 004D -> done (")
	poll("-a", "1", "-t", "4", "-r", "10")
	p.expect("unit 1 read holding 10 -> 004D (")
	poll("-a", "1", "-t", "4", "-r", "9999")
	p.expect("unit 1 read holding 9999 -> exception 2, illegal data address")
	poll("-a", "9", "-t", "4", "-r", "0")
	poll("-a", "1", "-t", "4", "-r", "10")
	p.expect("unit 9 read holding 0 -> no answer")
	if code := p.stop(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d", code)
	}
	text, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  unit-1:\n", "input-2: {input: 2}   # was 65436", "holding-10: {holding: 10, write: true}   # was 77", "baud: 19200"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "unit-9") {
		t.Errorf("a silent unit became a device:\n%s", text)
	}
	if _, stderr, code := output(t, binary, "check", found); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	stdout, stderr, code := output(t, binary, "sniff", "--file", kept)
	if code != 0 || !strings.Contains(stdout, "unit 1 read input 0..2 -> 4366 0000 FF9C (") || !strings.Contains(stderr, "input 0..2, holding 10") {
		t.Errorf("the recording says, exit %d:\n%s%s", code, stdout, stderr)
	}
}

func TestQuietLineIsSaidToBe(t *testing.T) {
	_, _, listener := tee(t)
	_, stderr, code := output(t, binary, "sniff", listener, "--listen", "100ms", "--for", "500ms")
	if code != 4 || !strings.Contains(stderr, "listening at "+listener+" 9600 8E1") || !strings.Contains(stderr, "no Modbus RTU frame was overheard") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, args := range [][]string{{}, {"a", "--file", "b"}, {"192.168.1.1"}} {
		if _, stderr, code := output(t, binary, append([]string{"sniff"}, args...)...); code != 2 {
			t.Errorf("%q: exit %d: %s", args, code, stderr)
		}
	}
}
