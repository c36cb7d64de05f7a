package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "fieldmq-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "fieldmq")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience bounds every wait of a test. It is no promise: machines are slow.
const patience = 30 * time.Second

// process is a program that a test started, with all it printed.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	mu    sync.Mutex
	lines []string
	news  chan struct{} // a line came; room for one
	ended chan struct{}
	err   error
}

// start runs a program until the test ends. A program that is missing fails
// the test: `make tools` installs all of them.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(name), cmd: exec.Command(name, args...), news: make(chan struct{}, 1), ended: make(chan struct{})}
	// What is killed leaves its temporary files behind; TestMain removes them.
	p.cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(binary))
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	w.Close()
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
		out.Close()
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %q printed:\n%s", p.name, args, strings.Join(p.printed(), "\n"))
		}
	})
	return p
}

func (p *process) printed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// stop asks the process to end and returns its exit code.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	p.cmd.Process.Signal(signal)
	return p.code()
}

// code waits for the end of the process and returns its exit code.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%s does not end", p.name)
		return -1
	}
}

// wait returns the first line for which ok holds, from the line number from on,
// and the number of the line after it.
func (p *process) wait(from int, what string, ok func(string) bool) (string, int) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		lines := p.printed()
		for ; from < len(lines); from++ {
			if ok(lines[from]) {
				return lines[from], from + 1
			}
		}
		select {
		case <-p.news:
		case <-p.ended:
			p.mu.Lock()
			rest := len(p.lines) > from
			p.mu.Unlock()
			if !rest {
				p.t.Fatalf("%s ended without printing %s", p.name, what)
			}
		case <-deadline:
			p.t.Fatalf("%s did not print %s", p.name, what)
		}
	}
}

// expect waits for a line that contains a text.
func (p *process) expect(text string) string {
	p.t.Helper()
	line, _ := p.wait(0, text, func(line string) bool { return strings.Contains(line, text) })
	return line
}

// expectAfter waits for a line that contains a text among those from a number on.
func (p *process) expectAfter(from int, text string) (string, int) {
	p.t.Helper()
	return p.wait(from, text, func(line string) bool { return strings.Contains(line, text) })
}

// count is the number of lines so far.
func (p *process) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// say writes a line to the program's standard input.
func (p *process) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// startMosquitto runs Debian's broker, which listens when this returns.
func startMosquitto(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, "mosquitto", args...)
	p.wait(0, "that it is running", func(line string) bool { return strings.HasSuffix(line, " running") }) // another line has the word, too
	return p
}

// freePort is a port of the loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// output runs a program to its end.
func output(t *testing.T, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("run %s: %v", name, err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}
