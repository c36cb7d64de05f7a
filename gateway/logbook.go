package gateway

import (
	"context"
	"fmt"
	"time"

	"fieldmq/gateway/journal"
)

// logTopic is where the log is told, line by line, not retained. With QoS 1 it
// waits out an outage of an upstream, so that the cloud learns of that, too.
const logTopic = "/log"

// The log goes out as it comes, but never faster than this: what is more is
// counted, and can still be asked for.
const (
	logEvery = time.Second
	logBurst = 10 // entries each time
)

// tellLog publishes the log until ctx ends.
func (g *Gateway) tellLog(ctx context.Context) error {
	_, told := g.journal.Since(0)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.journal.News():
		}
		fresh, count := g.journal.Since(told)
		left := count - told - min(len(fresh), logBurst)
		told = count
		fresh = fresh[max(0, len(fresh)-logBurst):]
		if left > 0 {
			fresh = append(fresh, journal.Entry{
				Time: time.Now().UnixMilli(), Level: "info", Part: "gateway",
				Text: fmt.Sprintf("%d more entries were not sent", left),
			})
		}
		for _, e := range fresh {
			m := document("device/"+g.id+logTopic, e)
			// It fails with the broker, whose end ends us too; to log that would
			// come back here.
			_ = g.server.Publish(ctx, m)
		}
		pause.Reset(logEvery)
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}
