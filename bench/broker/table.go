//go:build linux

package main

import (
	"fmt"
	"time"
)

// printHead begins the table of the cells of one rate, in Markdown.
func printHead(rate int) {
	if rate == 0 {
		fmt.Print(`
As fast as it goes. CPU is the broker's, in seconds for a million deliveries; memory is the most that was resident, in MB.
Where a broker is not busy all the time, the clients are what limits it.

| cell | CPU mosquitto | CPU fieldmq | ratio (bar) | deliveries/s mosquitto | deliveries/s fieldmq | ratio | busy mosquitto, fieldmq | memory mosquitto, fieldmq | lost or twice |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`)
		return
	}
	fmt.Printf(`
At %d deliveries a second. Latency is the time from the publisher's write to the subscriber's read.

| cell | CPU mosquitto | CPU fieldmq | ratio (bar) | p50 mosquitto | p50 fieldmq | p99 mosquitto | p99 fieldmq | ratio of p99 | memory mosquitto, fieldmq | lost or twice |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`, rate)
}

func printRow(c cell, pair [2]result) {
	theirs, ours := pair[0], pair[1]
	fmt.Printf("| %v | %.2f | %.2f | %s |", c, theirs.cpu, ours.cpu, ratio(ours.cpu/theirs.cpu, c.bar()))
	if c.rate == 0 {
		fmt.Printf(" %s | %s | %.1f | %.0f, %.0f %% |", count(theirs.perSecond), count(ours.perSecond), ours.perSecond/theirs.perSecond,
			100*theirs.busy, 100*ours.busy)
	} else {
		micro := func(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
		fmt.Printf(" %s | %s | %s | %s | %.2f |", micro(theirs.p50), micro(ours.p50), micro(theirs.p99), micro(ours.p99),
			ours.p99.Seconds()/theirs.p99.Seconds())
	}
	fmt.Printf(" %d, %d | %s |\n", theirs.memory>>20, ours.memory>>20, losses(pair))
}

// ratio tells a part of mosquitto's cost beside what it may be.
func ratio(r, bar float64) string {
	verdict := ""
	if r > bar {
		verdict = " over"
	}
	return fmt.Sprintf("%.3f (%.2g%s)", r, bar, verdict)
}

func count(perSecond float64) string {
	if perSecond >= 10_000 {
		return fmt.Sprintf("%.0fk", perSecond/1000)
	}
	return fmt.Sprintf("%.0f", perSecond)
}

func losses(pair [2]result) string {
	if pair[0].lost|pair[0].surplus|pair[1].lost|pair[1].surplus == 0 {
		return "none"
	}
	return fmt.Sprintf("mosquitto %d, %d; fieldmq %d, %d", pair[0].lost, pair[0].surplus, pair[1].lost, pair[1].surplus)
}

func printIdleHead(clients int) {
	fmt.Printf("\n%d idle clients that ping each %v.\n\n| broker | memory | part of a core |\n|---|--:|--:|\n", clients, pingEvery)
}

func printIdleRow(name string, r result) {
	fmt.Printf("| %s | %d MB | %.1f %% |\n", name, r.memory>>20, 100*r.busy)
}
