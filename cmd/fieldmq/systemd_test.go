package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unitFile = "../../packaging/systemd/fieldmq.service"

func TestUnitIsSoundAndExposesLittle(t *testing.T) {
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The binary is not where a package puts it, nor is the manual.
	here := strings.ReplaceAll(string(text), "/usr/bin/fieldmq", binary)
	here = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(here, "")
	file := filepath.Join(t.TempDir(), "fieldmq.service")
	if err := os.WriteFile(file, []byte(here), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), "fieldmq.service") {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	level := regexp.MustCompile(`exposure level for fieldmq.service: (\d+\.\d+)`).FindSubmatch(out)
	if level == nil {
		t.Fatalf("no level in %s", out)
	}
	if n, _ := strconv.ParseFloat(string(level[1]), 64); n >= 2 {
		t.Errorf("the exposure is %v", n)
	}
}

// underManager runs the gateway as systemd does, and hands over what it tells.
func underManager(t *testing.T, file string, env ...string) (run *process, told func(string)) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	args := append([]string{"NOTIFY_SOCKET=" + socket}, env...)
	run = start(t, "env", append(args, binary, "run", "--config", file)...)
	return run, func(want string) {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("not told: %s: %v", want, err)
			}
			if strings.Contains("\n"+string(buf[:n])+"\n", "\n"+want) {
				return
			}
		}
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	file := writeSite(t, "gateway: {id: box}\nbroker: {listen: [{url: \"mqtt://127.0.0.1:0\"}]}\n")
	run, told := underManager(t, file, "WATCHDOG_USEC=900000")
	told("READY=1\n")
	told("STATUS=1 of 1 devices online\n")
	told("WATCHDOG=1\n")
	run.cmd.Process.Signal(syscall.SIGHUP)
	told("RELOADING=1\nMONOTONIC_USEC=")
	told("READY=1\n")
	told("WATCHDOG=1\n")
	run.cmd.Process.Signal(syscall.SIGTERM)
	told("STOPPING=1\n")
	if code := run.code(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestWatchdogOfAnotherProcessIsNotFed(t *testing.T) {
	m := manager{}
	t.Setenv("WATCHDOG_USEC", "3000000")
	for pid, want := range map[string]time.Duration{"": time.Second, strconv.Itoa(os.Getpid()): time.Second, "1": 0} {
		t.Setenv("WATCHDOG_PID", pid)
		if got := m.watchdog(); got != want {
			t.Errorf("WATCHDOG_PID=%s: got %v, want %v", pid, got, want)
		}
	}
	t.Setenv("WATCHDOG_USEC", "much")
	if got := m.watchdog(); got != 0 {
		t.Errorf("got %v", got)
	}
}

func TestJournalGetsPrioritiesAndNoTimes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	info, _ := w.Stat()
	s := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", s.Dev, s.Ino))
	l := logFlags{level: "debug", format: "text"}
	log, err := l.logger(w)
	if err != nil {
		t.Fatal(err)
	}
	log = log.With("bus", "panel")
	log.Debug("a")
	log.Info("b")
	log.Warn("c")
	log.WithGroup("g").Error("d", "x", 1)
	want := "<7>level=DEBUG msg=a bus=panel\n<6>level=INFO msg=b bus=panel\n<4>level=WARN msg=c bus=panel\n<3>level=ERROR msg=d bus=panel g.x=1\n"
	buf := make([]byte, 4096)
	n, _ := r.Read(buf)
	if string(buf[:n]) != want {
		t.Errorf("got %q", buf[:n])
	}
	var elsewhere strings.Builder
	if log, err = l.logger(&elsewhere); err != nil {
		t.Fatal(err)
	}
	log.Info("b")
	if !strings.HasPrefix(elsewhere.String(), "time=") {
		t.Errorf("elsewhere it says %q", elsewhere.String())
	}
}

func TestManualHasAllCommands(t *testing.T) {
	out, _, code := output(t, binary, "man")
	if code != 0 || !strings.Contains(out, ".TH FIELDMQ 1") {
		t.Fatalf("exit %d: %.200s", code, out)
	}
	for _, c := range rootCommand().Commands() {
		if !c.Hidden && !strings.Contains(out, ".SS fieldmq "+roff.Replace(c.Name())) {
			t.Errorf("%s is missing", c.Name())
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|B|I|br|nf|fi)\b`).MatchString(line) {
			t.Errorf("no request: %s", line)
		}
	}
}
