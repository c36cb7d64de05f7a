package doctor

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// oldest is an instant that no clock that is right can show any more.
var oldest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// unsynchronized is STA_UNSYNC of linux/timex.h.
const unsynchronized = 0x0040

func (d *doctor) clock(context.Context) {
	r := d.about("clock", "this machine")
	now := time.Now()
	if now.Before(oldest) {
		r.bad("set it (`sudo timedatectl set-time`), or let it be set: `sudo timedatectl set-ntp true`. Certificates and time stamps are wrong until then",
			"the clock says %s, which is long past", now.Format(time.DateTime))
		return
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		r.warn("", "the clock says %s; whether it is kept right cannot be told: %v", now.Format(time.DateTime), err)
	case state == unix.TIME_ERROR || t.Status&unsynchronized != 0:
		do := "`sudo timedatectl set-ntp true`, and let the box reach a time server (port 123/udp)"
		if _, err := os.Stat("/dev/rtc0"); err != nil {
			do += ". It has no clock that runs while it is off either, so that each start begins with a wrong time"
		}
		r.warn(do, "the clock says %s, and no time server keeps it right", now.Format(time.DateTime))
	default:
		r.ok("the clock is kept right by a time server, to within %v", (time.Duration(t.Maxerror) * time.Microsecond).Round(time.Millisecond))
	}
}
