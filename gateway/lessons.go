package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"fieldmq/drivers"
)

// lessonsEvery is how often it is looked whether something new was learned.
const lessonsEvery = 10 * time.Second

// lessons keeps what a bus learned of its devices over restarts, and when the
// bus is opened anew. It belongs to the loop of the bus.
type lessons struct {
	name    string // of the bus
	keeper  Keeper
	log     *slog.Logger
	bus     drivers.Bus // as it was opened last
	looked  time.Time
	devices func() []Device
}

func (l *lessons) key(device string) string { return "lessons/" + l.name + "/" + device }

// opened teaches a bus what is known of its devices.
func (l *lessons) opened(bus drivers.Bus) {
	l.bus = bus
	learner, ok := bus.(drivers.Learner)
	if !ok {
		return
	}
	for _, d := range l.devices() {
		if len(d.Points) == 0 {
			continue
		}
		if err := learner.Learn(d.Points[0].Point, l.keeper.Get(l.key(d.ID))); err != nil {
			l.log.Warn("the device is learned anew", "device", d.ID, "error", err)
		}
	}
}

// save keeps what is new, if it is time or must be now.
func (l *lessons) save(now bool) {
	if !now && time.Since(l.looked) < lessonsEvery {
		return
	}
	l.looked = time.Now()
	learner, ok := l.bus.(drivers.Learner)
	if !ok {
		return
	}
	for _, d := range l.devices() {
		if len(d.Points) == 0 {
			continue
		}
		key, text := l.key(d.ID), learner.Lessons(d.Points[0].Point)
		if bytes.Equal(text, l.keeper.Get(key)) {
			continue
		}
		if err := l.keeper.Put(key, text); err != nil {
			l.log.Error("what was learned is not kept", "device", d.ID, "error", err)
		}
	}
}

// known is what was learned of a device, or of all. With forget it is forgotten
// then.
func (l *lessons) known(bus drivers.Bus, device string, forget bool) (map[string]json.RawMessage, error) {
	learner, ok := bus.(drivers.Learner)
	if !ok {
		return nil, fmt.Errorf("bus %s learns nothing of its devices", l.name)
	}
	known := map[string]json.RawMessage{}
	found := false
	for _, d := range l.devices() {
		if device != "" && d.ID != device || len(d.Points) == 0 {
			continue
		}
		found = true
		if text := learner.Lessons(d.Points[0].Point); text != nil {
			known[d.ID] = text
		}
		if !forget {
			continue
		}
		if err := learner.Learn(d.Points[0].Point, nil); err != nil {
			return nil, err
		}
		if err := l.keeper.Put(l.key(d.ID), nil); err != nil {
			return nil, err
		}
		l.log.Info("forgot what was learned", "device", d.ID)
	}
	if !found {
		return nil, fmt.Errorf("bus %s has no device %q", l.name, device)
	}
	return known, nil
}

// lessons is what a tool gets that asks what was learned.
func (d *desk) lessonsOf(ctx context.Context, q ToolRequest) (a ToolAnswer) {
	err := d.loop.Exchange(ctx, func(_ context.Context, bus drivers.Bus) (err error) {
		a.Lessons, err = d.book.known(bus, q.Device, q.Forget)
		return err
	})
	if a.OK = err == nil; err != nil {
		a.Error = err.Error()
	}
	return a
}
