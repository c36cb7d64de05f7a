//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The broker has one core for itself, and the load another.
const (
	brokerCore = 0
	loadCore   = 1
)

// pinSelf keeps all threads of this program on one core.
func pinSelf(core int) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("two cores are needed")
	}
	runtime.GOMAXPROCS(1)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err == nil {
			err = pin(tid, core)
		}
		if err != nil {
			return fmt.Errorf("pin thread %s: %w", t.Name(), err)
		}
	}
	return nil
}

// pin keeps a thread on one core; 0 is the caller's own. Threads and processes
// that it starts inherit that.
func pin(tid, core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(tid, &set)
}

// process is a broker that runs on its own core.
type process struct {
	cmd    *exec.Cmd
	output *bytes.Buffer
	ended  chan error
}

// openFiles lets this program and the brokers that it starts have as many
// descriptors as the system grants.
func openFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, output: &bytes.Buffer{}, ended: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(0, brokerCore); err != nil {
		return nil, fmt.Errorf("pin to core %d: %w", brokerCore, err)
	}
	err := cmd.Start()
	if back := pin(0, loadCore); back != nil {
		return nil, fmt.Errorf("pin to core %d: %w", loadCore, back)
	}
	if err != nil {
		return nil, err
	}
	go func() { p.ended <- cmd.Wait() }()
	return p, nil
}

// stop ends the process and waits for that.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// cpu is the time that the process has spent on its core. The clock of a
// process is finer than the ticks of its stat file.
func (p *process) cpu() (time.Duration, error) {
	var t unix.Timespec
	clock := int32(^p.cmd.Process.Pid<<3 | 2) // as clock_getcpuclockid(3) makes it
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", p.cmd.Process.Pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory reads a line of the process's status file, in bytes: VmRSS is what is
// resident, VmHWM the most that ever was.
func (p *process) memory(line string) (int64, error) {
	file := fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), line+":")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("%s: no %s", file, line)
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10, err
}
