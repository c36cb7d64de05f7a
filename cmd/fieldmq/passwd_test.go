package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"fieldmq/broker/access"
)

func TestPasswdWritesAFileForItsOwner(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users")
	for _, c := range []struct {
		name, in string
		args     []string
		code     int
		says     string
	}{
		{"adds a user", "secret\n", []string{"ann"}, 0, `added user "ann"`},
		{"adds another", "secret", []string{"bob"}, 0, `added user "bob"`},
		{"changes a password", "other\r\n", []string{"ann"}, 0, `changed the password of user "ann"`},
		{"deletes a user", "", []string{"--delete", "bob"}, 0, `deleted user "bob"`},
		{"deletes no user twice", "", []string{"--delete", "bob"}, 1, `there is no user "bob"`},
		{"wants a password", "\n", []string{"eve"}, 1, "no password"},
		{"wants one that fits a packet", strings.Repeat("x", 65_536), []string{"eve"}, 1, "longer"},
		{"wants a name that fits a line", "x\n", []string{"a:b"}, 2, "is no name for a user"},
		{"takes no password from the command line", "x\n", []string{"eve", "secret"}, 2, "accepts 1 arg"},
		{"finds no password to hash", "", []string{"--hash"}, 0, "passwords hashed in " + file + ": 0"},
		{"hashes all or sets one", "x\n", []string{"--hash", "ann"}, 2, "unknown command"},
		{"teaches", "", []string{"--help"}, 0, "never taken from the command line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(binary, append([]string{"passwd", "--file", file}, c.args...)...)
			cmd.Stdin = strings.NewReader(c.in)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if users, err := access.Load(file); err != nil || users.Len() != 1 {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "secret") || strings.Contains(string(text), "other") {
		t.Errorf("the file holds a password, or %v", err)
	}
}

func TestPasswdAsksUnseenAndTwice(t *testing.T) {
	for _, c := range []struct {
		name, second, says string
		code               int
	}{
		{"the same", "hunter2", "added user", 0},
		{"another", "hunter3", "not the same", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dialog, shown, cmd := askedOnTerminal(t)
			dialog("Password of ann: ", "hunter2\n")
			dialog("The same again: ", c.second+"\n")
			dialog(c.says, "")
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit %d", code)
			}
			if strings.Contains(shown(), "hunter") {
				t.Errorf("the terminal shows the password: %q", shown())
			}
		})
	}
}

func TestPasswdCanBeLeft(t *testing.T) {
	dialog, _, cmd := askedOnTerminal(t)
	dialog("Password of ann: ", "\x03") // Ctrl-C
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit %d", code)
	}
}

// askedOnTerminal runs passwd on a terminal. dialog waits for a text and then
// types another.
func askedOnTerminal(t *testing.T) (dialog func(wait, say string), shown func() string, cmd *exec.Cmd) {
	t.Helper()
	cmd = exec.Command(binary, "passwd", "--file", filepath.Join(t.TempDir(), "users"), "ann")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		terminal.Close()
	})
	var all strings.Builder
	in := bufio.NewReader(terminal)
	_ = terminal.SetReadDeadline(time.Now().Add(patience))
	dialog = func(wait, say string) {
		t.Helper()
		for from := all.Len(); !strings.Contains(all.String()[from:], wait); {
			b, err := in.ReadByte()
			if err != nil {
				t.Fatalf("want %q, got %q and %v", wait, all.String(), err)
			}
			all.WriteByte(b)
		}
		if _, err := io.WriteString(terminal, say); err != nil {
			t.Fatal(err)
		}
	}
	return dialog, all.String, cmd
}
