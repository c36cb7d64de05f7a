package poll

import (
	"errors"
	"time"

	"fieldmq/drivers"
)

// Health is what is known of a device's state.
type Health struct {
	Device    string
	Online    bool
	Since     time.Time      // when Online last changed
	Reason    string         // why it is offline; empty while it is online
	Answered  uint64         // polls with an answer since the start
	Failed    uint64         // polls without one
	RoundTrip time.Duration  // of the last poll with an answer
	LastError string         // the last reason for a poll without an answer or a refused point
	Counts    drivers.Counts // of its exchanges, where the driver counts them
	Heard     time.Time      // the last poll with an answer; zero: never
}

// ReportEvery is how often a health goes out that did not change.
const ReportEvery = time.Minute

// errorEvery is how often another last error is a reason for a report. Where
// two points fail by turns, each poll would be one.
const errorEvery = 10 * time.Second

// device is a device in the eyes of its loop.
type device struct {
	Device
	health   Health
	silence  int // polls in a row without an answer
	ignored  int // those of them that the bus carried
	lastErr  error
	reported time.Time
	told     string         // the last error that was reported as another one
	toldAt   time.Time      // when
	earlier  drivers.Counts // before the bus was opened the last time
}

func newDevice(d Device) *device {
	return &device{Device: d, health: Health{Device: d.ID, Reason: "starting"}}
}

// judge draws from the samples of one poll, or from what was heard unasked
// (trip zero), whether the device is online. An answer that refuses is an
// answer: it marks points, not the device.
func (l *Loop) judge(d *device, samples []drivers.Sample, trip time.Duration) {
	before := d.health
	l.stats.failed(samples)
	d.lastErr = nil
	if bus, ok := l.bus.(drivers.Counter); ok {
		d.health.Counts = d.earlier.Plus(bus.Counts(samples[0].Point))
	}
	for _, s := range samples {
		if s.Err != nil {
			d.health.LastError = s.Point.Name + ": " + s.Err.Error()
		}
	}
	if answered(samples) {
		l.alive()
		d.answer(trip)
	} else {
		d.miss(samples[0].Err)
	}
	l.stats.told(d.health)
	l.report(d, before)
}

func answered(samples []drivers.Sample) bool {
	for _, s := range samples {
		if !errors.Is(s.Err, drivers.ErrOffline) {
			return true
		}
	}
	return false
}

func (d *device) answer(trip time.Duration) {
	d.silence, d.ignored = 0, 0
	d.health.Answered++
	d.health.Heard = time.Now()
	if trip > 0 {
		d.health.RoundTrip = trip
	}
	if !d.health.Online {
		d.health.Online, d.health.Since, d.health.Reason = true, time.Now(), ""
	}
}

func (d *device) miss(err error) {
	d.silence++
	d.lastErr = err
	d.health.Failed++
	reason := err.Error()
	if gone := (offline{}); errors.As(err, &gone) {
		reason = gone.cause.Error()
	} else {
		d.ignored++
	}
	d.health.LastError = reason
	if d.health.Online && d.silence >= d.OfflineAfter {
		d.health.Online, d.health.Since = false, time.Now()
	}
	if !d.health.Online {
		d.health.Reason = reason
	}
}

// report tells the health when a reader would see a difference, and now and then.
func (l *Loop) report(d *device, before Health) {
	h := d.health
	turned := h.Online != before.Online || h.Reason != before.Reason
	failing := h.LastError != d.told && time.Since(d.toldAt) >= errorEvery
	if !turned && !failing && time.Since(d.reported) < ReportEvery {
		return
	}
	if h.LastError != d.told {
		d.told, d.toldAt = h.LastError, time.Now()
	}
	if h.Online != before.Online {
		l.logStatus(h)
	}
	d.reported = time.Now()
	l.cfg.Report(h)
}

func (l *Loop) logStatus(h Health) {
	log := l.cfg.Log.With("device", h.Device)
	if h.Online {
		log.Info("device online")
		return
	}
	log.Warn("device offline", "reason", h.Reason)
}

// A device that is offline may take this share of the bus with its time-outs.
const probeShare = 50 // one part in fifty: 2 %

// maxRest is the longest that an offline device is left alone.
const maxRest = time.Minute

// rest is how long an offline device is not asked after a poll that cost the
// bus so much time: twice as long at each miss, up to what keeps its
// time-outs within their share. A device that has the bus for itself hurts
// nobody, and is asked as always. What was missed while the bus was gone cost
// nothing: a device that needs a moment after its adapter is back is not left
// alone for it.
func (l *Loop) rest(d *device, cost time.Duration) time.Duration {
	misses := d.ignored + 1 - d.OfflineAfter
	if len(l.devices) < 2 || l.bus == nil || misses < 0 {
		return 0
	}
	grown := cost << min(misses, 16)
	return min(grown, probeShare*cost, maxRest)
}
