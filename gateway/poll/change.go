package poll

import (
	"context"
	"slices"
	"time"

	"fieldmq/drivers"
)

// Change gives the loop other devices, between two exchanges. Groups of the very
// same points stay on their schedule, and a device that keeps its id keeps its
// health: nothing of theirs is missed. swapped is called in the loop's goroutine
// when no sample of the old devices will come any more and none of the new ones
// has come yet.
func (l *Loop) Change(ctx context.Context, devices []Device, swapped func()) error {
	return l.order(ctx, l.calls, func(loop context.Context) error {
		gone := l.replace(devices)
		swapped()
		l.release(loop, gone)
		return nil
	})
}

// replace puts the devices in the place of the present ones, and returns the
// points that nobody asks for any more.
func (l *Loop) replace(devices []Device) (gone []*drivers.Point) {
	before, jobs := l.devices, l.jobs
	l.cfg.Devices = devices
	l.devices, l.jobs = make(map[string]*device, len(devices)), nil
	stays := map[*job]bool{}
	var fresh []*job
	for _, d := range devices {
		dev := before[d.ID]
		if dev == nil {
			dev = newDevice(d)
			dev.health.Since = time.Now()
		}
		dev.Device = d
		l.devices[d.ID] = dev
		for _, g := range d.Groups {
			j := same(jobs, dev, g)
			if j == nil {
				j = &job{device: dev, Group: g}
				fresh = append(fresh, j)
			}
			stays[j] = true
			l.jobs = append(l.jobs, j)
		}
	}
	for id := range before {
		if l.devices[id] == nil {
			l.stats.dismiss(id)
		}
	}
	l.admit(fresh)
	for _, j := range jobs {
		if !stays[j] {
			gone = append(gone, j.Points...)
		}
	}
	return without(gone, l.jobs)
}

// same is the job that reads just this group of the device, nil if none does.
func same(jobs []*job, d *device, g Group) *job {
	for _, j := range jobs {
		if j.device == d && j.Every == g.Every && slices.Equal(j.Points, g.Points) {
			return j
		}
	}
	return nil
}

// admit puts new jobs on the schedule; the phases of the others stay.
func (l *Loop) admit(fresh []*job) {
	phases := map[*job]time.Duration{}
	for _, j := range l.jobs {
		phases[j] = j.phase
	}
	spread(l.jobs)
	for _, j := range l.jobs {
		if !slices.Contains(fresh, j) {
			j.phase = phases[j]
		}
	}
	now := time.Now()
	for _, j := range fresh {
		j.start(now)
	}
	l.stats.schedule(l.jobs)
}

// without is the points that no job reads.
func without(points []*drivers.Point, jobs []*job) []*drivers.Point {
	read := map[*drivers.Point]bool{}
	for _, j := range jobs {
		for _, p := range j.Points {
			read[p] = true
		}
	}
	return slices.DeleteFunc(points, func(p *drivers.Point) bool { return read[p] })
}

// release lets the bus forget points, and listens to those that are left.
func (l *Loop) release(ctx context.Context, gone []*drivers.Point) {
	if l.bus == nil {
		return
	}
	l.unwatch()
	if r, ok := l.bus.(drivers.Releaser); ok && len(gone) > 0 {
		if err := r.Release(gone); err != nil {
			l.cfg.Log.Warn("releasing points", "error", err)
		}
	}
	l.watch(ctx)
}
