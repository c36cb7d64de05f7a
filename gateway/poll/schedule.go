package poll

import (
	"slices"
	"time"

	"fieldmq/drivers"
)

// job is a group on the schedule. It is due at fixed instants, its start plus
// its phase plus a multiple of its interval, however long the reads take: the
// schedule does not drift, and what is late is not made up for in bursts.
type job struct {
	Group
	device *device
	phase  time.Duration // below Every
	origin time.Time     // of the grid
	due    time.Time
}

// spread gives jobs of equal intervals different phases, so that they do not
// all fall due together.
func spread(jobs []*job) {
	count := map[time.Duration]int{}
	for _, j := range jobs {
		count[j.Every]++
	}
	seen := map[time.Duration]int{}
	for _, j := range jobs {
		j.phase = j.Every / time.Duration(count[j.Every]) * time.Duration(seen[j.Every])
		seen[j.Every]++
	}
}

// start makes the job due at once: the first values come as soon as the bus
// allows, the grid begins after that.
func (j *job) start(now time.Time) {
	j.origin = now.Add(j.phase)
	j.due = now
}

// done moves the job to its next instant that is at least rest away, and says
// how many instants passed unserved since it fell due.
func (j *job) done(now time.Time, rest time.Duration) (missed int) {
	missed = int(j.after(now).Sub(j.after(j.due)) / j.Every)
	j.due = j.after(now.Add(rest))
	return missed
}

// after is the first instant of the grid after t.
func (j *job) after(t time.Time) time.Time {
	since := t.Sub(j.origin)
	if since < 0 {
		return j.origin
	}
	return j.origin.Add((since/j.Every + 1) * j.Every)
}

// holds says whether the job reads one of the points that were written.
func (j *job) holds(commands []drivers.Command) bool {
	return slices.ContainsFunc(commands, func(c drivers.Command) bool {
		return slices.Contains(j.Points, c.Point)
	})
}

// earliest is the job with the earliest deadline; the first in the
// configuration's order among equals; nil if there is none.
func earliest(jobs []*job) *job {
	var first *job
	for _, j := range jobs {
		if first == nil || j.due.Before(first.due) {
			first = j
		}
	}
	return first
}
