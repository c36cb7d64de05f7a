package gateway

import (
	"log/slog"
	"time"

	"fieldmq/mapping"
)

// countsEvery is how often totals of counters are kept: what is counted in
// between is found again from the device's own count, unless that begins anew.
const countsEvery = time.Minute

// counts keeps the totals of a bus's counters over restarts. It belongs to the
// loop of the bus.
type counts struct {
	keeper Keeper
	log    *slog.Logger
	saved  time.Time // zero: nothing was
}

func countsKey(device string) string { return "counters/" + device }

// recall goes on with what was kept.
func (c *counts) recall(table *mapping.Table, bus *Bus) {
	for _, d := range bus.Devices {
		table.Recall(d.ID, c.keeper.Get(countsKey(d.ID)))
	}
}

// save keeps what has changed, at most once a minute unless it must be now. What
// a device counts first is kept at once: without it there is nothing to count from
// after a crash.
func (c *counts) save(table *mapping.Table, bus *Bus, now bool) {
	if !now && time.Since(c.saved) < countsEvery {
		return
	}
	for _, d := range bus.Devices {
		text := table.Counts(d.ID)
		if text == nil {
			continue
		}
		c.saved = time.Now()
		if err := c.keeper.Put(countsKey(d.ID), text); err != nil {
			c.log.Error("the totals of counters are not kept", "device", d.ID, "error", err)
		}
	}
}
