package broker

import (
	"bytes"
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
