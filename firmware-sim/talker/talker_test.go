package talker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/firmware-sim/faults"
)

// serve runs the device in a bubble, and f with the other end of its line.
func serve(t *testing.T, device *Talker, f func(line net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- device.Serve(ctx, theirs) }()
		f(ours)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func clock(elapsed time.Duration) []byte { return fmt.Appendf(nil, "%v\n", elapsed) }

func TestMessagesComeByThemselves(t *testing.T) {
	device := &Talker{Messages: []Message{{Text: clock, Every: 500 * time.Millisecond}}}
	serve(t, device, func(line net.Conn) {
		lines := bufio.NewScanner(line)
		for _, want := range []string{"500ms", "1s", "1.5s"} {
			if lines.Scan(); lines.Text() != want {
				t.Errorf("%q, want %q", lines.Text(), want)
			}
		}
	})
}

func TestRequestsAreAnsweredWhateverPrecedesThem(t *testing.T) {
	device := &Talker{Messages: []Message{
		{Text: func(time.Duration) []byte { return []byte("weight\n") }, Request: []byte("W\r\n")},
		{Text: func(time.Duration) []byte { return []byte("tare\n") }, Request: []byte("T\r\n")},
	}}
	serve(t, device, func(line net.Conn) {
		answers := bufio.NewReader(line)
		for _, k := range []struct{ request, want string }{
			{"W\r\n", "weight\n"},
			{"nonsense\xFFW\r\n", "weight\n"},
			{strings.Repeat("x", 3*maxRequest) + "T\r\n", "tare\n"},
		} {
			io.WriteString(line, k.request[:len(k.request)-1])
			io.WriteString(line, k.request[len(k.request)-1:])
			if got, err := answers.ReadString('\n'); got != k.want {
				t.Errorf("%q: %q, %v", k.request, got, err)
			}
		}
	})
}

func TestLostLineIsAnError(t *testing.T) {
	ours, theirs := net.Pipe()
	ours.Close()
	if err := (&Talker{}).Serve(t.Context(), theirs); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func TestFaultsStrikeMessages(t *testing.T) {
	board := faults.NewBoard(1)
	device := &Talker{
		Messages: []Message{{Text: clock, Every: time.Second}},
		Faults:   board.Add("scale", "desk", faults.Silence, faults.Late, faults.Garbage),
	}
	serve(t, device, func(line net.Conn) {
		messages := bufio.NewReader(line)
		for _, k := range []struct {
			fault string
			after time.Duration
			want  string
		}{
			{"scale silence for 9500ms", 10 * time.Second, "10s\n"},
			{"scale late 300ms for 1500ms", 1300 * time.Millisecond, "11s\n"},
			{"scale ok", 700 * time.Millisecond, "12s\n"},
		} {
			if err := board.Apply(k.fault); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			got, err := messages.ReadString('\n')
			if took := time.Since(start); got != k.want || took != k.after {
				t.Errorf("%s: %q after %v, %v", k.fault, got, took, err)
			}
		}
	})
}

func TestDamageDoesNotReachTheNextMessage(t *testing.T) {
	board := faults.NewBoard(1)
	text := []byte("12345678\n")
	device := &Talker{
		Messages: []Message{{Text: func(time.Duration) []byte { return text }, Every: time.Second}},
		Faults:   board.Add("scale", "desk", faults.Noise),
	}
	if err := board.Apply("scale noise 100%"); err != nil {
		t.Fatal(err)
	}
	serve(t, device, func(line net.Conn) {
		got := make([]byte, len(text))
		if io.ReadFull(line, got); string(got) == string(text) {
			t.Error("no noise")
		}
	})
	if string(text) != "12345678\n" {
		t.Errorf("the device's own text became %q", text)
	}
}

func TestCommandsAreObeyedUnlessTheDeviceIsSilent(t *testing.T) {
	board := faults.NewBoard(1)
	goal := "10"
	device := &Talker{Faults: board.Add("heater", "line", faults.Silence), Messages: []Message{
		{Text: func(time.Duration) []byte { return []byte("OK\n") }, Before: []byte("SP "), After: []byte("\r"), Obey: func(v []byte) { goal = string(v) }},
		{Text: func(time.Duration) []byte { return []byte("G=" + goal + "\n") }, Request: []byte("G?\r")},
	}}
	serve(t, device, func(line net.Conn) {
		answers := bufio.NewScanner(line)
		ask := func(request, want string) {
			t.Helper()
			io.WriteString(line, request)
			if answers.Scan(); answers.Text() != want {
				t.Errorf("%q is answered %q, want %q", request, answers.Text(), want)
			}
		}
		ask("SP SP 21.5\r", "OK") // the last one counts
		ask("G?\r", "G=21.5")
		if err := board.Apply("heater silence"); err != nil {
			t.Fatal(err)
		}
		io.WriteString(line, "SP 99\r")
		synctest.Wait()
		if err := board.Apply("heater ok"); err != nil {
			t.Fatal(err)
		}
		ask("G?\r", "G=21.5")
	})
}
