package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a running program has printed so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// until waits for a text in the output.
func (o *output) until(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(o.String(), want) {
			return
		}
	}
	t.Fatalf("no %q in %s", want, o)
}

func TestProgramSaysWhereDevicesAreAndObeysItsInput(t *testing.T) {
	dir, err := os.MkdirTemp("", "sim-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in, typed := io.Pipe()
	defer typed.Close()
	var out, complaints output
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- run(ctx, []string{"--dir", dir, "--fault", "meter silence"}, in, &out, &complaints) }()
	out.until(t, dir+"/gpio")
	for _, k := range []struct{ line, want string }{
		{"list", "meter silence\n"},
		{"meter broken", "is not a fault"},
		{"boiler late 800ms 30%\nlist", "boiler late 800ms 30%\n"},
		{"all ok\n\nlist", "30%\nThat is all."},
		{"help", "wrong-unit"},
	} {
		io.WriteString(typed, k.line+"\n")
		out.until(t, k.want)
	}
	cancel()
	if got := <-code; got != exitDone || complaints.String() != "" {
		t.Errorf("exit code %d, %s", got, &complaints)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestExitCodeTellsWhatHappened(t *testing.T) {
	for _, k := range []struct {
		args []string
		want int
	}{
		{[]string{"--for", "1ms"}, exitDone},
		{[]string{"--help"}, exitDone},
		{[]string{"--nonsense"}, exitUsage},
		{[]string{"nonsense"}, exitUsage},
		{[]string{"--fault", "meter broken"}, exitFail},
		{[]string{"--tcp", "256.0.0.1:1"}, exitFail},
	} {
		var out, complaints output
		if got := run(t.Context(), k.args, strings.NewReader(""), &out, &complaints); got != k.want {
			t.Errorf("%q: %d, want %d: %s", k.args, got, k.want, &complaints)
		}
		if k.want != exitDone && complaints.String() == "" {
			t.Errorf("%q: nothing says why", k.args)
		}
	}
}
