//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A static binary asks the kernel for the time and nobody between can lie to
// it. So for the fault clock it is built with a package time that adds to the
// wall clock what stands in a file.

// clockFile names the file in the environment.
const clockFile = "BENCH_CLOCK"

// jumping is the file that is added to package time.
const jumping = `package time

import (
	"sync/atomic"
	"syscall"
)

var jump atomic.Int64 // seconds

func init() {
	name, ok := syscall.Getenv("BENCH_CLOCK")
	if !ok {
		return
	}
	go func() {
		for ; ; Sleep(20 * Millisecond) {
			text, err := readFile(name)
			if err != nil {
				continue
			}
			n, sign := int64(0), int64(1)
			for _, c := range text {
				if c == '-' {
					sign = -1
				} else if c >= '0' && c <= '9' {
					n = 10*n + int64(c-'0')
				}
			}
			jump.Store(sign * n)
		}
	}()
}
`

// useClock makes the gateway one whose clock jump sets.
func (w *world) useClock() error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return err
	}
	const reads = "sec, nsec, mono := runtimeNow()"
	if !bytes.Contains(text, []byte(reads)) {
		return errors.New("this Go reads its clock in another way: bench/bridge/clock.go must learn it")
	}
	text = bytes.ReplaceAll(text, []byte(reads), []byte(reads+"; sec += jump.Load()"))
	dir := filepath.Join(w.dir, "clock")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(source, "time.go"): filepath.Join(dir, "time.go"),
		filepath.Join(source, "jump.go"): filepath.Join(dir, "jump.go"),
	}})
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"time.go": text, "jump.go": []byte(jumping), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	binary := filepath.Join(dir, "fieldmq")
	if err := build(w.ctx, binary, "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		return err
	}
	w.gateway.line[0] = binary
	w.gateway.env = append(w.gateway.env, clockFile+"="+filepath.Join(w.dir, "jump"))
	return w.jump(0)
}

// jump sets the gateway's clock by so much against the machine's.
func (w *world) jump(by time.Duration) error {
	return os.WriteFile(filepath.Join(w.dir, "jump"), fmt.Appendf(nil, "%d", by/time.Second), 0o600)
}
