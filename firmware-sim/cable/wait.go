package cable

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// coarse is what the runtime's timers may be late: they count in whole
// milliseconds, which is three characters at 19200 Bd. The rest is slept in
// the kernel, whose timers are good for some 60 us.
const coarse = 2 * time.Millisecond

// wait returns at the given time and never before, or at Close with
// os.ErrClosed.
func (c *Cable) wait(until time.Time) error {
	if d := time.Until(until) - coarse; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.done:
			return os.ErrClosed
		}
	}
	for d := time.Until(until); d > 0; d = time.Until(until) {
		left := unix.NsecToTimespec(d.Nanoseconds())
		_ = unix.Nanosleep(&left, nil) // a signal ends it early; the loop goes on
	}
	return nil
}
