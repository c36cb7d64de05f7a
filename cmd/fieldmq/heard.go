package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"fieldmq/drivers"
	"fieldmq/gateway/probe"
	"fieldmq/gateway/remote"
	"fieldmq/gateway/traffic"
	"fieldmq/mapping"
)

// ear hears what passes on a bus.
type ear struct {
	mu    sync.Mutex
	heard []drivers.Traffic
}

// mostHeard bounds what is kept of a line that babbles.
const mostHeard = 4096

func (e *ear) hear(t drivers.Traffic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heard) < mostHeard {
		e.heard = append(e.heard, t)
	}
}

func (e *ear) all() []drivers.Traffic {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard
}

// printSteps shows the bytes of an exchange.
func printSteps(out io.Writer, steps []probe.Step) {
	for _, s := range steps {
		direction := "<"
		if s.Sent {
			direction = ">"
		}
		fmt.Fprintf(out, "%9.3f ms %s %s\n", float64(s.After)/1000, direction, s.Bytes)
	}
}

// lastError is what a running gateway knows of a device's last one.
func lastError(ctx context.Context, client *remote.Client, device string) string {
	if client == nil {
		return ""
	}
	topic := "device/" + device + "/health"
	found, err := client.Retained(ctx, topic)
	var health struct {
		LastError string `json:"last_error"`
	}
	if err != nil || json.Unmarshal(found[topic], &health) != nil {
		return ""
	}
	return health.LastError
}

// attention is how long a device that speaks by itself is listened to.
const attention = 3 * time.Second

// explainHeard explains a point that has no words: by what was heard of its
// device.
func explainHeard(ctx context.Context, p *onBus, e mapping.Entry, ear *ear, asJSON bool, out io.Writer) error {
	entries := []mapping.Entry{e}
	readings, err := p.Read(ctx, entries)
	for until := time.Now().Add(attention); err == nil && readings[0].Err != nil && time.Now().Before(until) && pause(ctx, 300*time.Millisecond); {
		readings, err = p.Read(ctx, entries) // a point is heard once it was asked for
	}
	if err != nil {
		return err
	}
	r := readings[0]
	heard := steps(ear.all())
	if asJSON {
		err = json.NewEncoder(out).Encode(map[string]any{"reading": &r, "exchange": heard})
	} else {
		fmt.Fprintf(out, "%v is %s\n%v\n", r.Point, valueOf(&r), r.Point.At)
		printSteps(out, heard)
		if text := said(ear.all()); text != "" {
			fmt.Fprintf(out, "as text: %q\n", text)
		}
	}
	if err != nil {
		return err
	}
	return judge(readings)
}

// steps are the last of what was heard.
func steps(heard []drivers.Traffic) []probe.Step {
	const few = 12
	heard = heard[max(0, len(heard)-few):]
	all := make([]probe.Step, len(heard))
	for i, t := range heard {
		all[i] = probe.Step{After: t.At.Sub(heard[0].At).Microseconds(), Sent: t.Sent, Bytes: traffic.Content(t)}
	}
	return all
}

// said is what was received, if it is text.
func said(heard []drivers.Traffic) string {
	var b strings.Builder
	for _, t := range heard[max(0, len(heard)-12):] {
		if !t.Sent {
			b.Write(t.Bytes)
		}
	}
	for _, c := range []byte(b.String()) {
		if c < ' ' && c != '\r' && c != '\n' && c != '\t' || c > '~' {
			return ""
		}
	}
	return b.String()
}
