package line

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"fieldmq/drivers"
)

// openPair opens a line on a pseudo terminal and returns its far end too.
func openPair(t *testing.T) (*Line, *os.File) {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	t.Cleanup(func() { far.Close() })
	l, err := open(t, near.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, far
}

func open(t *testing.T, port string) (*Line, error) {
	t.Helper()
	s := Defaults()
	s.Port = port
	return Open(t.Context(), s, slog.New(slog.DiscardHandler))
}

// read collects n bytes, or fewer if they do not come.
func read(t *testing.T, l *Line, n int) []byte {
	t.Helper()
	var got []byte
	for deadline := time.Now().Add(5 * time.Second); len(got) < n && time.Now().Before(deadline); {
		b := make([]byte, n-len(got))
		m, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:m]...)
	}
	return got
}

func TestLineCarriesAllBytes(t *testing.T) {
	l, far := openPair(t)
	want := make([]byte, 256)
	for i := range want {
		want[i] = byte(i)
	}
	if _, err := far.Write(want); err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, len(want)); string(got) != string(want) {
		t.Errorf("got % x", got)
	}
	if n, err := l.Write(want); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil || string(got) != string(want) {
		t.Errorf("far end got % x, %v", got, err)
	}
}

func TestReadReturnsNothingAtItsTimeout(t *testing.T) {
	l, _ := openPair(t)
	for _, d := range []time.Duration{0, 5 * time.Millisecond, 150 * time.Millisecond} {
		l.SetReadTimeout(d)
		start := time.Now()
		n, err := l.Read(make([]byte, 8))
		if n != 0 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if took := time.Since(start); took < d {
			t.Errorf("returned after %v, before its time-out of %v", took, d)
		}
	}
}

func TestDiscardThrowsAwayWhatWasReceived(t *testing.T) {
	l, far := openPair(t)
	if _, err := far.WriteString("stale"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		n, err := unix.IoctlGetInt(l.control, unix.TIOCINQ)
		return err == nil && n == len("stale")
	})
	if err := l.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, 3); string(got) != "new" {
		t.Errorf("got %q", got)
	}
}

func TestLineIsOpenedOnce(t *testing.T) {
	l, _ := openPair(t)
	_, err := open(t, l.name)
	if !errors.Is(err, errInUse) {
		t.Fatalf("got %v", err)
	}
	l.Close()
	again, err := open(t, l.name)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// The mark of exclusive use outlives a kill -9 on a pseudo terminal, and keeps all but
// root out.
func TestPseudoTerminalIsNotMarkedForGood(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	defer far.Close()
	l, err := open(t, near.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if marked, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGEXCL); err != nil || marked != 0 {
		t.Errorf("marked %d, %v", marked, err)
	}
}

func TestClosedLineTakesNoBytes(t *testing.T) {
	l, _ := openPair(t)
	l.Close()
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	// The next file gets the number of the line's.
	f, err := os.Create(t.TempDir() + "/innocent")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := l.Write([]byte("MODBUS")); !errors.Is(err, errClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, errClosed) {
		t.Errorf("read: %v", err)
	}
	if st, err := f.Stat(); err != nil || st.Size() != 0 {
		t.Errorf("bytes went into another file: %v, %v", st.Size(), err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	l, _ := openPair(t)
	l.SetReadTimeout(time.Hour)
	done := make(chan error)
	go func() {
		_, err := l.Read(make([]byte, 1))
		done <- err
	}()
	l.Close()
	if err := <-done; !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestUnpluggedLineIsLost(t *testing.T) {
	l, far := openPair(t)
	far.Close()
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, errGone) {
		t.Errorf("read: %v", err)
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, errGone) {
		t.Errorf("write: %v", err)
	}
}

func TestWriteThatNobodyTakesEnds(t *testing.T) {
	l, _ := openPair(t)
	l.longest = 0
	_, err := l.Write(make([]byte, 1<<20))
	if !errors.Is(err, errStuck) || !errors.Is(err, drivers.ErrBus) {
		t.Errorf("got %v", err)
	}
}

// crowd takes all file numbers below 1024.
func crowd(t *testing.T) {
	t.Helper()
	var held []int
	t.Cleanup(func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	})
	for len(held) == 0 || held[len(held)-1] < tooHigh {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal("this test needs more than 1024 open files: ", err)
		}
		held = append(held, fd)
	}
}

func TestHighFileNumberIsAnError(t *testing.T) {
	l, _ := openPair(t)
	name := l.name
	l.Close()
	for len(spare.held) > 0 { // of lines of other tests too
		spare.give()
	}
	crowd(t)
	if _, err := open(t, name); !errors.Is(err, errTooManyFiles) {
		t.Errorf("got %v", err)
	}
}

func TestLineThatWasOpenOpensAgainInACrowd(t *testing.T) {
	l, _ := openPair(t)
	name := l.name
	l.Close()
	crowd(t)
	for range 3 {
		again, err := open(t, name)
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	}
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		port string
		want error
	}{
		"lists the ports when there is no such port": {"/dev/ttyNONE7", errNoPort},
		"refuses a file":   {file, errNotSerial},
		"refuses a folder": {t.TempDir(), errNotSerial},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, tt.port)
			var oe *OpenError
			if !errors.As(err, &oe) || !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if oe.Hint == "" || !strings.Contains(err.Error(), tt.port) {
				t.Errorf("no hint or no port in %q", err)
			}
		})
	}
}

func TestPermissionHintNamesTheGroup(t *testing.T) {
	port := t.TempDir() + "/port"
	if err := os.WriteFile(port, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openError(port, unix.EACCES).Error(); !strings.Contains(got, "only root") {
		t.Errorf("got %q", got)
	}
	if err := os.Chmod(port, 0o660); err != nil {
		t.Fatal(err)
	}
	gid := os.Getgid()
	if gid == 0 {
		gid = 20 // dialout on Debian, which root may give away
	}
	if err := os.Chown(port, -1, gid); err != nil {
		t.Fatal(err)
	}
	if got := openError(port, unix.EACCES).Error(); !strings.Contains(got, "sudo usermod -aG ") {
		t.Errorf("got %q", got)
	}
}

func TestEndedContextOpensNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, Settings{Port: "/dev/null"}, slog.New(slog.DiscardHandler))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}
