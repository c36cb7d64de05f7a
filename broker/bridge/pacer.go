package bridge

import "time"

// pacer keeps what goes out within limits of messages and bytes a second. It
// outlives connections; only the sender uses it.
type pacer struct{ messages, bytes bucket }

func newPacer(l *Limits) *pacer {
	return &pacer{messages: newBucket(float64(l.Rate)), bytes: newBucket(float64(l.Bytes))}
}

// wait is how long the next message has to wait, 0 if it may go.
func (p *pacer) wait(now time.Time) time.Duration {
	return max(p.messages.wait(now, 1), p.bytes.wait(now, 0))
}

// take counts a message that goes.
func (p *pacer) take(bytes int) {
	p.messages.level--
	p.bytes.level -= float64(bytes)
}

// bucket fills at a steady rate. What it holds at most and what flows into it in
// a second are together a little less than the limit, so that no second holds
// more, however they are cut, and the line has some slack to bunch messages.
type bucket struct {
	rate, most, level float64 // rate 0: there is no limit
	at                time.Time
}

func newBucket(limit float64) bucket {
	const burst, steady = 0.1, 0.85
	most := max(1, limit*burst)
	return bucket{rate: limit * steady, most: most, level: most}
}

// wait is how long until the bucket holds more than so much. A bucket of bytes
// may be overdrawn by one message.
func (b *bucket) wait(now time.Time, need float64) time.Duration {
	if b.rate == 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.level = min(b.most, b.level+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	const hair = 1e-9 // of rounding
	if b.level >= need-hair {
		return 0
	}
	return time.Duration((need-b.level)/b.rate*float64(time.Second)) + time.Microsecond
}
