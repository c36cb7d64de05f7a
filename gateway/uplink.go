package gateway

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"fieldmq/drivers"
	"fieldmq/mapping"
)

// How often upstreams are looked at, and after how long a write that failed is
// tried again.
const (
	uplinkLook  = time.Second
	uplinkRetry = 30 * time.Second
)

// uplinks writes what points are to become when upstreams have been away for
// some time: once for each loss.
type uplinks struct {
	losses func() []mapping.Loss // as the configuration has them now
	// connected says whether an upstream is there; an empty name means any.
	connected func(upstream string) bool
	do        func(context.Context, ...drivers.Command) error
	log       *slog.Logger
}

// watched is a loss, and how far it has come.
type watched struct {
	since time.Time // when the upstream was last there
	next  time.Time // not to be tried before
	done  bool
}

// run looks after the upstreams until ctx ends.
func (u *uplinks) run(ctx context.Context) error {
	watching := map[mapping.Loss]*watched{}
	tick := time.NewTicker(uplinkLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			losses := u.losses()
			for _, loss := range losses {
				if watching[loss] == nil {
					watching[loss] = &watched{since: now}
				}
				u.look(ctx, now, loss, watching[loss])
			}
			maps.DeleteFunc(watching, func(l mapping.Loss, _ *watched) bool { return !slices.Contains(losses, l) })
		}
	}
}

// look writes a value whose time has come.
func (u *uplinks) look(ctx context.Context, now time.Time, loss mapping.Loss, w *watched) {
	switch {
	case u.connected(loss.Upstream):
		*w = watched{since: now}
		return
	case w.done, now.Sub(w.since) < loss.After, now.Before(w.next):
		return
	}
	log := u.log.With("point", loss.Command.Point.String())
	if err := u.do(ctx, loss.Command); err != nil {
		w.next = now.Add(uplinkRetry)
		if ctx.Err() == nil {
			log.Warn("the point does not have its value for a lost uplink, trying again", "error", err)
		}
		return
	}
	w.done = true
	log.Warn("the uplink is lost: wrote the value for that", "after", now.Sub(w.since).Round(time.Second))
}

// connected says whether an upstream is there, or with an empty name any of them.
func (f *figures) connected(upstream string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, b := range f.bridges {
		if (upstream == "" || name == upstream) && b.Stats().Connected {
			return true
		}
	}
	return false
}
