package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"fieldmq/drivers"
	"fieldmq/gateway/journal"
	"fieldmq/gateway/poll"
)

// clientAnswer is one client of the broker.
type clientAnswer struct {
	ID            string   `json:"id"`
	User          string   `json:"user,omitempty"`
	Connected     bool     `json:"connected"`
	Address       string   `json:"address,omitempty"`
	Listener      string   `json:"listener,omitempty"`
	Version       string   `json:"version,omitempty"`
	Heard         int64    `json:"heard,omitempty"` // Unix milliseconds
	Subscriptions []string `json:"subscriptions"`
	More          int      `json:"more_subscriptions,omitempty"`
	Queued        int      `json:"queued"`
	InFlight      int      `json:"in_flight"`
}

// Bounds of an answer.
const (
	mostClients       = 500
	mostSubscriptions = 20
	mostLog           = 500
	mostHistory       = 512 << 10 // bytes
)

// askClients are the clients of the broker whose id, user or address holds a text.
func (g *Gateway) askClients(_ context.Context, q terms) (any, error) {
	answer := struct {
		OK      bool           `json:"ok"`
		Clients []clientAnswer `json:"clients"`
		Total   int            `json:"total"` // that fit
	}{OK: true, Clients: []clientAnswer{}}
	for _, c := range g.server.Clients() {
		if !strings.Contains(strings.ToLower(c.ID+" "+c.User+" "+c.Address), strings.ToLower(q.Search)) {
			continue
		}
		if answer.Total++; answer.Total > q.limit(mostClients) {
			continue
		}
		a := clientAnswer{
			ID: c.ID, User: c.User, Connected: c.Connected, Address: c.Address, Listener: c.Listener, Version: c.Version,
			Subscriptions: []string{}, Queued: c.Queued, InFlight: c.InFlight,
		}
		if !c.Heard.IsZero() {
			a.Heard = c.Heard.UnixMilli()
		}
		for i, f := range c.Subscriptions {
			if i == mostSubscriptions {
				a.More = len(c.Subscriptions) - i
				break
			}
			a.Subscriptions = append(a.Subscriptions, string(f))
		}
		answer.Clients = append(answer.Clients, a)
	}
	return answer, nil
}

// askConfig is the file in force, without its secrets.
func (g *Gateway) askConfig(ctx context.Context, _ terms) (any, error) {
	answer := struct {
		OK     bool   `json:"ok"`
		File   string `json:"file"`
		Loaded int64  `json:"loaded"` // Unix milliseconds
		Text   string `json:"text"`
		Reload bool   `json:"reload"` // device/<gateway>/reload reads it again
	}{OK: true, Reload: g.follows.Load()}
	err := g.inside(ctx, func() {
		answer.File, answer.Text, answer.Loaded = g.config.source.file, g.config.source.text, g.config.source.read.UnixMilli()
	})
	return answer, err
}

// askPlan is what the file in force costs its buses.
func (g *Gateway) askPlan(ctx context.Context, _ terms) (any, error) {
	if g.Plan == nil {
		return nil, errors.New("this gateway makes no plans")
	}
	var config *Config
	if err := g.inside(ctx, func() { config = g.config }); err != nil {
		return nil, err
	}
	plan, err := g.Plan(config)
	return struct {
		OK   bool `json:"ok"`
		Plan any  `json:"plan"`
	}{true, plan}, err
}

// askLog is the last entries of the log, with what is debugged.
func (g *Gateway) askLog(_ context.Context, q terms) (any, error) {
	return struct {
		OK      bool            `json:"ok"`
		Entries []journal.Entry `json:"entries"`
	}{true, g.journal.Last(q.limit(mostLog), q.From)}, nil
}

// askHistory is the states of the last minutes, of one device or of all.
func (g *Gateway) askHistory(_ context.Context, q terms) (any, error) {
	span := time.Duration(q.Minutes * float64(time.Minute))
	if span <= 0 {
		span = time.Hour
	}
	return struct {
		OK     bool                         `json:"ok"`
		States map[string][]json.RawMessage `json:"states"` // by device, the oldest first
	}{true, g.past.since(time.Now().Add(-span), q.Device, mostHistory)}, nil
}

// rawPoint is a point as it was on the wire.
type rawPoint struct {
	Name  string `json:"name"`
	At    string `json:"at"`
	Raw   string `json:"raw,omitempty"` // in hexadecimal; of a coil 00 or 01
	Value string `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

// rawExchange is one request and its answer.
type rawExchange struct {
	Request string `json:"request"` // unit, function code and what follows, in hexadecimal
	Answer  string `json:"answer,omitempty"`
	Error   string `json:"error,omitempty"`
}

// inspector is a bus that shows what stands on its wire; that of Modbus does.
type inspector interface {
	Inspect(ctx context.Context, points []*drivers.Point) ([]drivers.Sample, [][]byte, error)
}

// askRaw reads a device once more and shows what stood on the wire.
func (g *Gateway) askRaw(ctx context.Context, q terms) (any, error) {
	var loop *poll.Loop
	var points []*drivers.Point
	var bus string
	err := g.inside(ctx, func() {
		for _, u := range g.units {
			if i := u.bus.index(q.Device); i >= 0 && u.bus.key() != "" {
				loop, points, bus = u.loop, u.bus.Devices[i].all(), u.bus.Name
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case loop == nil:
		return nil, fmt.Errorf("there is no device %.80q on a bus", q.Device)
	}
	answer := struct {
		OK        bool          `json:"ok"`
		Time      int64         `json:"ts"`
		Took      float64       `json:"took_ms"`
		Points    []rawPoint    `json:"points"`
		Exchanges []rawExchange `json:"exchanges"`
	}{OK: true}
	err = loop.Exchange(ctx, func(ctx context.Context, open drivers.Bus) error {
		b, ok := open.(inspector)
		if !ok {
			return errors.New("this bus does not show what stands on its wire")
		}
		stop := g.journal.Listen(func(r slog.Record, attrs []slog.Attr) {
			if x, ok := exchangeOf(r, attrs, bus); ok {
				answer.Exchanges = append(answer.Exchanges, x)
			}
		})
		defer stop()
		began := time.Now()
		samples, raw, err := b.Inspect(ctx, points)
		if err != nil {
			return err
		}
		answer.Time, answer.Took = began.UnixMilli(), float64(time.Since(began).Microseconds())/1000
		for i, s := range samples {
			answer.Points = append(answer.Points, rawOf(s, raw[i]))
		}
		return nil
	})
	return answer, err
}

func rawOf(s drivers.Sample, raw []byte) rawPoint {
	p := rawPoint{Name: s.Point.Name, At: s.Point.At.String(), Raw: hex.EncodeToString(raw)}
	if s.Err != nil {
		p.Error = s.Err.Error()
		return p
	}
	p.Value = s.Value.String()
	return p
}

// exchangeOf reads what the Modbus driver says of an exchange when it is
// debugged. Only the loop of the bus says so, one at a time.
func exchangeOf(r slog.Record, attrs []slog.Attr, bus string) (x rawExchange, ok bool) {
	if r.Message != "exchange" {
		return x, false
	}
	for _, a := range attrs {
		ok = ok || a.Key == "bus" && a.Value.String() == bus
	}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "request":
			x.Request = a.Value.String()
		case "answer":
			x.Answer = a.Value.String()
		case "error":
			if err, failed := a.Value.Any().(error); failed && err != nil {
				x.Error = err.Error()
			}
		}
		return true
	})
	return x, ok && x.Request != ""
}

// index is where a device stands on the bus, or below zero.
func (b *Bus) index(device string) int {
	for i := range b.Devices {
		if b.Devices[i].ID == device {
			return i
		}
	}
	return -1
}

// all are the points of a device.
func (d *Device) all() []*drivers.Point {
	points := make([]*drivers.Point, len(d.Points))
	for i, e := range d.Points {
		points[i] = e.Point
	}
	return points
}
