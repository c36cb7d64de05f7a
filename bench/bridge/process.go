//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that is started, killed and started again, with what all
// its lives cost together.
type process struct {
	name string
	line []string
	env  []string
	addr string // where it listens once it is ready

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{}
	output  *tail
	written int64 // bytes that earlier lives wrote to disks
	peak    int64 // resident bytes at most, of all lives
}

// start starts it and waits until it listens.
func (p *process) start() error {
	c := exec.Command(p.line[0], p.line[1:]...)
	c.Env = append(os.Environ(), p.env...)
	output := &tail{}
	c.Stdout, c.Stderr = output, output
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // that it is killed is no news
		close(ended)
	}()
	p.mu.Lock()
	p.cmd, p.ended, p.output = c, ended, output
	p.mu.Unlock()
	return p.awaitPort(ended)
}

func (p *process) awaitPort(ended chan struct{}) error {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("%s does not start; it says: %s", p.name, p.output)
		default:
		}
		if time.Since(began) > time.Minute {
			return fmt.Errorf("%s does not listen: %w; it says: %s", p.name, err, p.output)
		}
	}
}

// kill ends it with SIGKILL, whatever it does.
func (p *process) kill() {
	p.sample()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s) // it may have ended
}

// sample adds what this life has cost until now, which its end makes unknown.
func (p *process) sample() {
	p.mu.Lock()
	defer p.mu.Unlock()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	p.written += field("/proc/"+pid+"/io", "write_bytes") - field("/proc/"+pid+"/io", "cancelled_write_bytes")
	p.peak = max(p.peak, field("/proc/"+pid+"/status", "VmHWM")<<10)
}

// resident is how much memory it holds now, in bytes.
func (p *process) resident() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return field("/proc/"+strconv.Itoa(p.cmd.Process.Pid)+"/status", "VmRSS") << 10
}

// field is a number in a file of the kernel's, 0 if it is not there.
func field(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// tail keeps the end of what a process says.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const mostTail = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - mostTail; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(t.buf.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n\t")
}

// freeAddress is one on loopback where nobody listens now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
