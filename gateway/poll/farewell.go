package poll

import (
	"context"
	"errors"
	"time"

	"fieldmq/drivers"
)

// farewellTime is how long the last writes of a bus may take together.
const farewellTime = 3 * time.Second

// farewell writes what devices are to be left with. The bus is still open, and
// the loop's context has ended.
func (l *Loop) farewell(ctx context.Context) {
	if l.cfg.Last == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	for _, d := range l.cfg.Devices {
		commands := l.cfg.Last(d.ID)
		if len(commands) == 0 {
			continue
		}
		if err := l.leave(ctx, commands); err != nil {
			l.cfg.Log.Error("the device does not have its values for a stop", "device", d.ID, "error", err)
			continue
		}
		l.cfg.Log.Info("wrote the values for a stop", "device", d.ID, "points", len(commands))
	}
}

// leave writes all at once. Where the device declines, each goes by itself, so
// that one value which cannot be had keeps none of the others.
func (l *Loop) leave(ctx context.Context, commands []drivers.Command) error {
	if l.bus == nil {
		return l.busErr
	}
	err := l.bus.Write(ctx, commands)
	if !errors.Is(err, drivers.ErrRefused) || len(commands) == 1 {
		return err
	}
	var errs []error
	for i := range commands {
		errs = append(errs, l.bus.Write(ctx, commands[i:i+1]))
	}
	return errors.Join(errs...)
}
