//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is what one fault did to one peer.
type result struct {
	acked, refused, arrived int
	lost, again, late, back int
	allowed                 int // of what is lost: what was taken off the disk
	duplicates              int // that are allowed
	first, current, caught  time.Duration
	rate                    float64 // messages a second of the recovery
	ack50, ack99            time.Duration
	trip50, trip99          time.Duration
	written, peak           int64
	perMessage              float64 // bytes on the device
	notes                   []string
}

// mostWindow is how many messages fieldmq has under way at most.
const mostWindow = 1000

func (w *world) result() result {
	lost := w.judge.missing()
	j := w.judge
	j.mu.Lock()
	defer j.mu.Unlock()
	r := result{
		acked: j.acks, refused: j.refused, arrived: j.came, lost: lost, again: j.again, late: j.late, back: j.backwards,
		first: j.first, current: j.current, caught: j.caught, written: w.gateway.written, peak: w.gateway.peak, notes: w.notes,
		// A record of these messages is larger than their payload.
		allowed:    (w.torn + w.payload - 1) / w.payload,
		duplicates: w.faults * mostWindow,
	}
	r.ack50, r.ack99 = quantiles(j.ackTimes)
	r.trip50, r.trip99 = quantiles(j.tripTimes)
	if j.acks > 0 {
		r.perMessage = float64(r.written) / float64(j.acks)
	}
	const few = 500 // they say nothing about a rate
	if j.backlog > few && j.caught > j.first {
		r.rate = float64(j.extra) / (j.caught - j.first).Seconds()
	}
	return r
}

// bad says whether fieldmq may not do that.
func (r *result) bad() bool {
	return r.lost > r.allowed || r.late > 0 || r.back > 0
}

func quantiles(times []time.Duration) (p50, p99 time.Duration) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)*99/100]
}

func printHead(o options) {
	fmt.Printf("%d messages/s of %d bytes from %d devices; an outage is %v, seed %d\n\n", o.rate, o.payload, o.devices, o.outage, o.seed)
	fmt.Println("| fault | gateway | acked | arrived | lost | twice | late | back | first, states, all after | msg/s | ack p50, p99 | there p50, p99 | bytes/msg | peak | |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
}

// printRow prints what happened and says whether it is bad.
func printRow(f fault, peer string, r result, err error) bool {
	if err != nil {
		r.notes = append(r.notes, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if r.refused > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d refused", r.refused))
	}
	if r.allowed > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d lost allowed", r.allowed))
	}
	if r.again > r.duplicates {
		r.notes = append(r.notes, fmt.Sprintf("more than %d twice", r.duplicates))
	}
	bad := err != nil || r.bad()
	if bad {
		r.notes = append([]string{"FAILED"}, r.notes...)
	}
	fmt.Printf("| %s | %s | %d | %d | %d | %d | %d | %d | %s, %s, %s | %.0f | %s, %s | %s, %s | %.0f | %s | %s |\n",
		f.name, peer, r.acked, r.arrived, r.lost, r.again, r.late, r.back, span(r.first), span(r.current), span(r.caught), r.rate,
		span(r.ack50), span(r.ack99), span(r.trip50), span(r.trip99), r.perMessage, bytesText(r.peak), strings.Join(r.notes, "; "))
	return bad
}

// span is a time for people.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func bytesText(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MB", n>>20)
}
