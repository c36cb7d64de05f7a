package arbiter

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// door is one entry under serve.
type door struct {
	*Arbiter
	*Config
	log *slog.Logger
}

// Waiting times between attempts to open a door.
const (
	firstRetry = time.Second
	longRetry  = 30 * time.Second
)

// run keeps the door open until ctx ends.
func (d *door) run(ctx context.Context) error {
	said := ""
	for wait := firstRetry; ctx.Err() == nil; wait = min(2*wait, longRetry) {
		opened, err := d.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if opened {
			wait = firstRetry
		}
		if text := err.Error(); text != said {
			d.log.Warn("other masters are not served, retrying", "error", err)
			said = text
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
	return nil
}

func (d *door) serve(ctx context.Context) (opened bool, err error) {
	if d.Line != nil {
		return d.serveLine(ctx)
	}
	return d.serveTCP(ctx)
}
