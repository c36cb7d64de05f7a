package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/gateway/poll"
	"fieldmq/gateway/traffic"
)

// Topics of a recording: "<bus>/record" asks for one, whose lines then come on
// "<bus>/traffic".
const (
	recordTopic  = "/record"
	trafficTopic = "/traffic"
)

// recorder publishes what passes on a bus while a tool wants it. The tool asks
// again and again; one that is gone is forgotten.
type recorder struct {
	bus  string
	tap  *drivers.Tap // nil: the bus cannot be listened in on
	wake chan struct{}

	mu    sync.Mutex
	until time.Time
	lines []string
	bytes int
	lost  int // lines that came faster than they were taken
}

// A recording is published at intervals, within bounds of memory.
const (
	tellEvery     = 100 * time.Millisecond
	longestRecord = time.Minute // without being asked for again
	mostWaiting   = 1 << 20     // bytes
	mostMessage   = 32 << 10    // bytes
)

func newRecorder(bus *Bus) *recorder {
	r := &recorder{bus: bus.Name, wake: make(chan struct{}, 1)}
	if tapped, ok := bus.Settings.(drivers.Tapped); ok {
		r.tap = tapped.Tapped()
	}
	return r
}

// ask has the traffic told for a time from now on.
func (r *recorder) ask(span string) error {
	if r.tap == nil {
		return fmt.Errorf("bus %s cannot be listened in on", r.bus)
	}
	d, err := time.ParseDuration(span)
	if err != nil || d <= 0 {
		return fmt.Errorf("%.20q is not a time such as 10s", span)
	}
	r.mu.Lock()
	r.until = time.Now().Add(min(d, longestRecord))
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// run publishes until ctx ends.
func (r *recorder) run(ctx context.Context, publish func([]byte)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
			r.record(ctx, publish)
		}
	}
}

// record listens in for as long as it is asked to.
func (r *recorder) record(ctx context.Context, publish func([]byte)) {
	r.tap.Listen(r.hear)
	defer r.tap.Listen(nil)
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		lines, wanted := r.take()
		for len(lines) > 0 {
			n, size := 0, 0
			for n < len(lines) && (n == 0 || size+len(lines[n]) < mostMessage) {
				size += len(lines[n]) + 1
				n++
			}
			publish([]byte(strings.Join(lines[:n], "\n")))
			lines = lines[n:]
		}
		if !wanted {
			return
		}
	}
}

// hear is called by the bus.
func (r *recorder) hear(t drivers.Traffic) {
	line := traffic.Line{Bus: r.bus, Traffic: t}.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bytes+len(line) > mostWaiting {
		r.lost++
		return
	}
	r.lines = append(r.lines, line)
	r.bytes += len(line)
}

func (r *recorder) take() (lines []string, wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines = r.lines
	if r.lost > 0 {
		lines = append(lines, fmt.Sprintf("# %d lines of %s were lost here", r.lost, r.bus))
	}
	r.lines, r.bytes, r.lost = nil, 0, 0
	return lines, time.Now().Before(r.until)
}

// message is some lines of the recording.
func (d *desk) message(lines []byte) mqtt.Message {
	return mqtt.Message{
		Topic:   "device/" + d.gateway + toolsTopic + d.bus.Name + trafficTopic,
		Payload: lines, QoS: mqtt.AtLeastOnce, UTF8: true, ContentType: "text/plain",
	}
}

// Poll polls the devices of the bus until ctx ends, without a broker.
func (b *Bus) Poll(ctx context.Context, emit func([]drivers.Sample), log *slog.Logger) error {
	return poll.New(poll.Config{
		Name: b.Name, Settings: b.Settings, Devices: b.polled(), Log: log,
		Emit: emit, Asked: func(string) {}, Report: func(poll.Health) {},
	}).Run(ctx)
}
