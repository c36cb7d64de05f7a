package poll

import (
	"context"
	"slices"
	"time"

	"fieldmq/drivers"
)

// together are the jobs that are due and that the bus can read at the same
// time, the first of them the one that is most urgent: one job a device, and as
// many as may be under way, so that a write need not wait for long. What falls
// due while the others are under way comes along: it would be late otherwise.
func (l *Loop) together(first *job) []*job {
	bus, ok := l.bus.(drivers.Gatherer)
	if !ok || bus.Width() < 2 {
		return nil
	}
	now := time.Now()
	due := []*job{first}
	for _, j := range l.jobs {
		same := func(other *job) bool { return other.device == j.device }
		soon := now.Add(min(l.gathered, j.Every/2))
		if !soon.Before(j.due) && !slices.ContainsFunc(due, same) {
			due = append(due, j)
		}
	}
	slices.SortStableFunc(due[1:], func(a, b *job) int { return a.due.Compare(b.due) })
	return due[:min(len(due), bus.Width())]
}

// gather reads the groups of several devices at the same time.
func (l *Loop) gather(ctx context.Context, jobs []*job) {
	began := time.Now()
	groups := make([][]*drivers.Point, len(jobs))
	for i, j := range jobs {
		groups[i] = j.Points
	}
	samples, err := l.bus.(drivers.Gatherer).ReadAll(ctx, groups)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		l.lose(err)
		samples = make([][]drivers.Sample, len(jobs))
	}
	took := time.Since(began)
	l.gathered = took
	for i, j := range jobs {
		l.polled(j, trip(samples[i], began, took), took/time.Duration(len(jobs)), samples[i], err)
	}
}

// trip is how long it took until all samples of a group were there.
func trip(samples []drivers.Sample, began time.Time, most time.Duration) time.Duration {
	last := time.Duration(0)
	for _, s := range samples {
		last = max(last, s.Time.Sub(began))
	}
	if last <= 0 {
		return most
	}
	return min(last, most)
}
