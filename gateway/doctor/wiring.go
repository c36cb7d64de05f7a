package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
	"fieldmq/gateway"
)

var discard = slog.New(slog.DiscardHandler)

func (d *doctor) wiring(ctx context.Context) {
	for _, b := range d.Buses {
		if ctx.Err() != nil {
			return
		}
		switch {
		case d.Running != nil:
			d.told(ctx, b)
		case strings.HasPrefix(b.Driver, "modbus-"):
			d.units(ctx, b)
		default:
			d.points(ctx, b)
		}
	}
}

// told asks the gateway that runs how the devices of a bus are.
func (d *doctor) told(ctx context.Context, b gateway.Bus) {
	for _, dev := range b.Devices {
		r := d.about("wiring", b.Name+", "+dev.ID)
		payload, err := d.Running.Retained(ctx, "device/"+dev.ID+"/health")
		var health struct {
			Status, Reason string
			LastError      string  `json:"last_error"`
			RoundTrip      float64 `json:"round_trip_ms"`
			Failed         uint64
		}
		switch {
		case err != nil || payload == nil || json.Unmarshal(payload, &health) != nil:
			r.warn("`fieldmq reload` or a restart takes the file over", "the gateway that runs says nothing of it")
		case health.Status == "online" && health.LastError != "":
			r.warn("", "answers after %.1f ms; its last error: %s", health.RoundTrip, health.LastError)
		case health.Status == "online":
			r.ok("answers after %.1f ms", health.RoundTrip)
		default:
			r.bad("stop the gateway and run this again: it then looks at the bytes on the wire", "is offline: %s", health.Reason)
		}
	}
}

// place is a read that a unit should answer.
type place struct {
	device      string
	unit        byte
	table       modbus.Table
	first, size int
	timeout     time.Duration
	any         bool // whatever it answers: nobody said that it has this register
}

// places are one for each unit of a bus: its first point that has a place of its
// own and may be read, or else a register that it may decline.
func places(b gateway.Bus) []place {
	var all []place
	seen := map[byte]int{} // where in all
	for _, dev := range b.Devices {
		for _, e := range dev.Points {
			at, ok := e.Point.At.(*modbus.Address)
			if !ok || at.Unit() == 0 {
				continue
			}
			p := place{dev.ID, at.Unit(), at.Table(), at.First(), at.Count(), at.Timeout(), false}
			if at.Call != nil || at.Sunspec != nil || e.WriteOnly {
				p.table, p.first, p.size, p.any = modbus.Holding, 0, 1, true
			}
			switch i, known := seen[p.unit]; {
			case !known:
				seen[p.unit] = len(all)
				all = append(all, p)
			case all[i].any && !p.any:
				all[i] = p
			}
		}
	}
	return all
}

// units asks each unit of a Modbus bus, and looks at what comes back.
func (d *doctor) units(ctx context.Context, b gateway.Bus) {
	r := d.about("wiring", b.Name)
	wire := &wire{}
	if tapped, ok := b.Settings.(drivers.Tapped); ok {
		tapped.Tapped().Listen(wire.hear)
	}
	serial, isLine := b.Settings.(*modbus.RTUSettings)
	if isLine && !d.quiet(ctx, r, serial.Settings) {
		return
	}
	bus, err := b.Settings.Open(ctx, discard)
	if err != nil {
		r.bad(openAdvice(err), "%v", err)
		return
	}
	defer bus.Close()
	asker, ok := bus.(*modbus.Bus)
	if !ok {
		return
	}
	heard := 0
	var silent []string
	for _, p := range places(b) {
		s, took, err := ask(ctx, asker, p, wire, isLine)
		text := ""
		if err != nil {
			text = err.Error()
		}
		at := d.about("wiring", fmt.Sprintf("%s, %s (unit %d)", b.Name, p.device, p.unit))
		switch {
		case ctx.Err() != nil:
			return
		case s == answered && (text == "" || p.any):
			heard++
			if n := stray(wire, p); isLine && text == "" && n > 0 {
				at.warn(meanings[idle][1], "answers after %.1f ms, with %d stray bytes around", took, n)
				continue
			}
			at.ok("answers after %.1f ms", took)
		case s == answered:
			at.warn(refusalAdvice(p), "answers after %.1f ms, and declines %s %d: %s", took, p.table, p.first, text)
			heard++
		case !isLine:
			at.bad(answerAdvice(err, b.Driver), "%s", text)
		case s == silence:
			silent = append(silent, fmt.Sprint(p.unit))
		default:
			at.bad(meanings[s][1], "%s", meanings[s][0])
		}
	}
	d.hush(r, silent, heard)
}

// hush tells of the silent units of a line: that nobody answers has other causes
// than that one does not.
func (d *doctor) hush(r report, silent []string, heard int) {
	switch {
	case len(silent) == 0:
	case heard > 0:
		r.bad("the line works, for others answer: check these devices' power, their unit ids and their branch of the cable",
			"unit %s: %s", strings.Join(silent, ", "), meanings[silence][0])
	default:
		r.bad(meanings[silence][1], "unit %s: %s", strings.Join(silent, ", "), meanings[silence][0])
	}
}

// wire collects what passes on a bus.
type wire struct {
	mu          sync.Mutex
	sent, heard []byte
}

func (w *wire) hear(t drivers.Traffic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.Sent {
		w.sent, w.heard = t.Bytes, nil
		return
	}
	w.heard = append(w.heard, t.Bytes...)
	if len(w.heard) > 4096 {
		w.heard = w.heard[len(w.heard)-1024:]
	}
}

func (w *wire) last() (sent, heard []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent, w.heard
}

// ask asks a unit up to three times, and returns the best that came of it: a
// device may be busy, and the first answer after a start be lost.
func ask(ctx context.Context, bus *modbus.Bus, p place, w *wire, isLine bool) (s symptom, ms float64, why error) {
	data := []byte{byte(p.first >> 8), byte(p.first), byte(p.size >> 8), byte(p.size)}
	for range 3 {
		began := time.Now()
		_, err := bus.Request(ctx, p.unit, p.table.Function(), data, p.timeout)
		took := float64(time.Since(began).Microseconds()) / 1000
		switch {
		case err == nil:
			return answered, took, nil
		case errors.Is(err, drivers.ErrRefused):
			return answered, took, err
		case ctx.Err() != nil:
			return silence, 0, ctx.Err()
		}
		why = err
		if sent, heard := w.last(); isLine && len(sent) > 2 {
			s = max(s, diagnose(sent, heard))
		}
		if errors.Is(err, drivers.ErrBus) {
			break
		}
	}
	if s == answered { // too late, or to another request
		s = garbage
	}
	return s, 0, why
}

// stray is how many bytes came beside the answer to a read.
func stray(w *wire, p place) int {
	sent, heard := w.last()
	rest, _ := bytes.CutPrefix(heard, sent)
	const around = 5 // unit id, function code, byte count and checksum
	return len(rest) - around - frame.Span{Table: p.table, First: p.first, Count: p.size}.Bytes()
}

// listening is how long a line is listened to before anyone is asked.
const listening = time.Second

// quiet says whether a line is at rest while nobody is asked, and tells if not.
func (d *doctor) quiet(ctx context.Context, r report, settings line.Settings) bool {
	l, err := line.Open(ctx, settings, discard)
	if err != nil {
		var failed *line.OpenError
		if errors.As(err, &failed) {
			r.bad(failed.Hint, "cannot open %s: %v", failed.Port, failed.Err)
			return false
		}
		r.bad("", "%v", err)
		return false
	}
	defer l.Close()
	var heard []byte
	buffer := make([]byte, 1024)
	for until := time.Now().Add(listening); time.Now().Before(until) && ctx.Err() == nil && len(heard) < 4096; {
		l.SetReadTimeout(100 * time.Millisecond)
		n, err := l.Read(buffer)
		if err != nil {
			r.bad("look at the adapter's plug", "%v", err)
			return false
		}
		heard = append(heard, buffer[:n]...)
	}
	switch {
	case len(heard) == 0:
	case same(heard):
		r.bad(meanings[idle][1], "%d bytes came although nobody was asked, all 00 or FF: %s", len(heard), meanings[idle][0])
	default:
		r.bad("another master may be at work on this line: `fieldmq sniff` shows it. There can be only one; let the other ask this gateway (serve)",
			"%d bytes came although nobody was asked: % X", len(heard), heard[:min(len(heard), 16)])
	}
	return true
}

// points reads the points of a bus that does not speak Modbus.
func (d *doctor) points(ctx context.Context, b gateway.Bus) {
	r := d.about("wiring", b.Name)
	wire := &wire{}
	if tapped, ok := b.Settings.(drivers.Tapped); ok {
		tapped.Tapped().Listen(wire.hear)
	}
	if l, ok := b.Settings.(drivers.Looker); ok {
		l.OnlyLook()
	}
	bus, err := b.Settings.Open(ctx, discard)
	if err != nil {
		r.bad(openAdvice(err), "%v", err)
		return
	}
	defer bus.Close()
	pause := 0 * time.Second
	if b.Driver == "serial" { // devices speak when they want to, and a point is heard once it was asked for
		pause = 3 * time.Second
		for _, dev := range b.Devices {
			_, _ = bus.Read(ctx, pointsOf(dev)) // the second read tells
		}
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(pause):
	}
	for _, dev := range b.Devices {
		d.device(ctx, bus, b, dev, wire)
	}
}

// device reads the points of one device.
func (d *doctor) device(ctx context.Context, bus drivers.Bus, b gateway.Bus, dev gateway.Device, w *wire) {
	r := d.about("wiring", b.Name+", "+dev.ID)
	points := pointsOf(dev)
	if len(points) == 0 {
		r.ok("it takes commands and is never read")
		return
	}
	samples, err := bus.Read(ctx, points)
	if err != nil {
		r.bad("", "%v", err)
		return
	}
	good := 0
	var wrong []string
	for _, s := range samples {
		if s.Err == nil || errors.Is(s.Err, drivers.ErrNoValue) {
			good++
			continue
		}
		wrong = append(wrong, s.Point.Name+": "+s.Err.Error())
	}
	_, heard := w.last()
	switch {
	case len(wrong) == 0:
		r.ok("all %d points have values", good)
	case good > 0 || b.Driver != "serial":
		r.bad("compare these points with the device", "%s", strings.Join(wrong, "; "))
	case len(heard) == 0:
		r.bad("check the device's power and that it is set to send; RX and TX crossed; ground; a null modem cable where both ends are plugs of computers", "not a bit comes")
	case printable(heard):
		r.bad("compare match, at and frame with what it says", "it says %.60q, in which no point is found", heard)
	default:
		r.bad("the speed or the parity is wrong, or the device speaks in binary frames", "%d bytes come, which are no text: % X", len(heard), heard[:min(16, len(heard))])
	}
}

// pointsOf are the points of a device that are read.
func pointsOf(dev gateway.Device) (points []*drivers.Point) {
	for _, e := range dev.Points {
		if !e.WriteOnly {
			points = append(points, e.Point)
		}
	}
	return points
}

// printable says whether bytes are text for the most part.
func printable(b []byte) bool {
	good := 0
	for _, c := range b {
		if c >= ' ' && c <= '~' || c == '\r' || c == '\n' || c == '\t' {
			good++
		}
	}
	return 10*good >= 9*len(b)
}
