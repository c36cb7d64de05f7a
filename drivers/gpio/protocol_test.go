package gpio

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswersOfAChipAreRead(t *testing.T) {
	if e, err := parseEdge("edge 17 rising 1795209372123456789"); err != nil || e.offset != 17 || !e.level || e.at.UnixNano() != 1795209372123456789 {
		t.Errorf("got %v, %v", e, err)
	}
	if n, err := parseChip("chip my own chip 28"); err != nil || n != 28 {
		t.Errorf("got %v, %v", n, err)
	}
	if offset, name, err := parseLine("line 3 GPIO 3"); err != nil || offset != 3 || name != "GPIO 3" {
		t.Errorf("got %v, %q, %v", offset, name, err)
	}
	if offset, name, err := parseLine("line 4"); err != nil || offset != 4 || name != "" {
		t.Errorf("a line without name: got %v, %q, %v", offset, name, err)
	}
	if level, err := parseLevel("ok 1"); err != nil || !level {
		t.Errorf("got %v, %v", level, err)
	}
	if percent, err := parsePercent("ok 33.3"); err != nil || percent != 33.3 {
		t.Errorf("got %v, %v", percent, err)
	}
	if _, err := parsePercent("error no"); err == nil || errors.Is(err, errLost) || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	for _, text := range []string{"", "ok", "ok x", "ok 101", "ok -1", "ok NaN", "30"} {
		if _, err := parsePercent(text); !errors.Is(err, errLost) {
			t.Errorf("%q is a percentage: %v", text, err)
		}
	}
	if _, err := parseLevel("error line 3 is in use"); err == nil || errors.Is(err, errLost) || err.Error() != "line 3 is in use" {
		t.Errorf("got %v", err)
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	for _, text := range []string{
		"", "edge", "edge 1 rising", "edge 1 up 5", "edge -1 rising 5", "edge 4096 rising 5",
		"edge 1 rising 5 6", "edge 1 rising x", "chip", "chip 5", "chip a", "chip a -1", "chip a 4097",
		"line", "line x y", "line 99999999999 y", "ok", "ok 2", "OK 1", "error",
	} {
		if e, err := parseEdge(text); err == nil {
			t.Errorf("%q is an edge: %v", text, e)
		}
		if n, err := parseChip(text); err == nil {
			t.Errorf("%q is a chip: %v", text, n)
		}
		if offset, name, err := parseLine(text); err == nil {
			t.Errorf("%q is a line: %v %q", text, offset, name)
		}
		if _, err := parseLevel(text); !errors.Is(err, errLost) {
			t.Errorf("%q is an answer: %v", text, err)
		}
	}
}

// TestChipThatBabblesIsLost has chips that say what they must not.
func TestChipThatBabblesIsLost(t *testing.T) {
	const hello = "chip c 1\nline 0 A\n"
	tests := map[string]string{
		"says nothing":               "",
		"is no chip":                 "SSH-2.0-OpenSSH_9.2\n",
		"has a million lines":        "chip c 1000000\n",
		"ends before its lines":      "chip c 2\nline 0 A\n",
		"has a line of a megabyte":   hello + strings.Repeat("x", 1<<20) + "\n",
		"answers what nobody asked":  hello + "ok 1\nok 1\n",
		"has an edge of an odd kind": hello + "edge 0 sideways 5\n",
	}
	for name, said := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				go io.Copy(io.Discard, far)
				go func() {
					io.WriteString(far, said)
					if strings.HasPrefix(name, "ends") {
						far.Close()
					}
				}()
				defer far.Close()
				s, err := connect(context.Background(), near)
				if err != nil {
					near.Close()
					return
				}
				<-s.gone()
				if _, err := s.ask("get 0"); !errors.Is(err, errLost) && err != nil {
					t.Errorf("got %v", err)
				}
				s.Close()
			})
		})
	}
}

func TestEndedContextEndsAConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		defer near.Close()
		go io.Copy(io.Discard, far)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := connect(ctx, near); err == nil {
			t.Error("no error")
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func FuzzProtocol(f *testing.F) {
	for _, s := range []string{"edge 1 rising 5", "chip a 5", "line 3 GPIO3", "ok 1", "error no", "edge 1 falling -9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := parseEdge(text); err == nil && (e.offset < 0 || e.offset >= maxLines) {
			t.Errorf("offset %d", e.offset)
		}
		if n, err := parseChip(text); err == nil && (n < 0 || n > maxLines) {
			t.Errorf("%d lines", n)
		}
		if offset, _, err := parseLine(text); err == nil && (offset < 0 || offset >= maxLines) {
			t.Errorf("offset %d", offset)
		}
		if _, err := parseLevel(text); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
