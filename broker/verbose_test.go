package broker

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// lines is a log that tests read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.text.String(), "\n")
}

// At debug each packet is a line, and no client makes that long.
func TestPacketsAreLoggedBriefly(t *testing.T) {
	var log lines
	s, addr := start(t, Defaults())
	s.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := dial(t, addr, packet.V5, "a")
	c.subscribe(mqtt.Filter(strings.Repeat("f", 60_000)), 1)
	c.publish(text(strings.Repeat("t", 60_000), "secret", 1))
	c.leave()
	found := map[string]bool{}
	for _, line := range log.all() {
		if len(line) > 1000 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if strings.Contains(line, "secret") {
			t.Errorf("a payload is logged: %s", line)
		}
		for _, want := range []string{"packet=PUBLISH", "packet=PUBACK", "packet=SUBSCRIBE", "packet=SUBACK"} {
			found[want] = found[want] || strings.Contains(line, want)
		}
	}
	for want, ok := range found {
		if !ok {
			t.Errorf("no %s", want)
		}
	}
}

// Whoever stands before a device that does not get in looks into the broker's log.
func TestLogTellsWhyAClientDidNotGetIn(t *testing.T) {
	var log lines
	s := New(Defaults(), slog.New(slog.NewTextHandler(&log, nil)))
	run(t, func(ctx context.Context) error { return s.Run(ctx) })
	stop, addr := serve(t, s)
	_ = open(t, addr, packet.V5).conn.Close() // only looks whether somebody listens
	for _, first := range []string{"\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\n", "\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00"} {
		c := open(t, addr, packet.V5)
		c.send([]byte(first))
		_, _ = io.Copy(io.Discard, c.conn)
	}
	stop()
	got := log.all()
	for _, want := range []string{"looks like TLS", "PUBACK", "client refused"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if len(got) != 4 { // the last is empty
		t.Errorf("got %q", got)
	}
}
