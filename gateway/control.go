package gateway

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The control socket is where programs on this machine reach the gateway that
// runs with a file. It is an abstract one, which needs no folder that can be
// written to; whoever is neither root nor the gateway's own user is sent away.

// controlName is the address of the gateway that runs with a file.
func controlName(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	sum := sha256.Sum256([]byte(path))
	return fmt.Sprintf("@fieldmq-%x", sum[:12]), nil
}

// controlTime is how long one side waits for the other, putting a configuration
// into force included.
const controlTime = 2 * time.Minute

// question is what is asked over the control socket, in one line.
type question struct {
	Do string `json:"do"` // "reload" or "data"
}

// openControl opens the socket. Without it the gateway still runs.
func (f *Follower) openControl() {
	name, err := controlName(f.file)
	if err == nil {
		f.socket, err = net.Listen("unix", name)
	}
	if err != nil {
		f.log.Warn("no control socket: `fieldmq reload` does not reach this gateway", "error", err)
	}
}

// control serves the socket, if there is one, until ctx ends.
func (f *Follower) control(ctx context.Context) error {
	ln := f.socket
	if ln == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return nil // ctx has ended
		}
		conns.Go(func() { f.serve(ctx, conn) })
	}
}

// serve answers one question.
func (f *Follower) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(controlTime))
	if err := trusted(conn); err != nil {
		fmt.Fprintf(conn, "{\"error\":%q}\n", err.Error())
		return
	}
	var q question
	if err := json.NewDecoder(bufio.NewReader(&limited{conn, 1 << 10})).Decode(&q); err != nil {
		return
	}
	var answer any
	switch q.Do {
	case "reload":
		answer = f.Ask(ctx)
	case "before":
		answer = f.before()
	default:
		answer = Outcome{Error: fmt.Sprintf("nobody knows how to %q", q.Do)}
	}
	_ = json.NewEncoder(conn).Encode(answer) // whoever asked may have gone
}

// limited reads so many bytes and no more.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("too long")
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// trusted says whether the program at the other end may know and do what the
// gateway's own user may.
func trusted(conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	failed := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Getuid() {
		return fmt.Errorf("user id %d may not control this gateway; ask as root or as its own user", cred.Uid)
	}
	return nil
}

// earlier is a text to go back to.
type earlier struct {
	Text  string `json:"text"`
	Error string `json:"error,omitempty"`
}

// before is the answer to the question for the text to go back to.
func (f *Follower) before() earlier {
	now, err := os.ReadFile(f.file)
	if err != nil {
		now = nil
	}
	text, err := f.history.Before(now)
	if err != nil {
		return earlier{Error: err.Error()}
	}
	return earlier{Text: string(text)}
}

// ErrNotRunning: no gateway runs with the file.
var ErrNotRunning = errors.New("no gateway runs with this file")

// AskReload has the gateway that runs with a file read it again.
func AskReload(ctx context.Context, file string) (Outcome, error) {
	var o Outcome
	err := ask(ctx, file, "reload", &o)
	return o, err
}

// AskBefore asks the gateway that runs with a file for the text to go back to.
func AskBefore(ctx context.Context, file string) ([]byte, error) {
	var e earlier
	if err := ask(ctx, file, "before", &e); err != nil {
		return nil, err
	}
	if e.Error != "" {
		return nil, errors.New(e.Error)
	}
	return []byte(e.Text), nil
}

func ask(ctx context.Context, file, what string, answer any) error {
	name, err := controlName(file)
	if err != nil {
		return err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", name)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return ErrNotRunning
	case err != nil:
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(controlTime))
	if err := json.NewEncoder(conn).Encode(question{Do: what}); err != nil {
		return err
	}
	if err := json.NewDecoder(conn).Decode(answer); err != nil {
		return fmt.Errorf("the gateway gave no answer: %w", err)
	}
	return nil
}

// sameOwner gives a file the owner of another.
func sameOwner(file *os.File, like fs.FileInfo) error {
	s, ok := like.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 {
		return nil // who is not root owns what it makes, and cannot change that
	}
	return file.Chown(int(s.Uid), int(s.Gid))
}
