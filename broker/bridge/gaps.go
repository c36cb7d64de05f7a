package bridge

import (
	"encoding/json"
	"slices"
	"time"

	"fieldmq/broker/mqtt"
)

// gap is a place in the order of messages where some were dropped. The cloud is told
// of it there: on the gateway's event topic, behind what came before and ahead of what
// comes after.
type gap struct {
	After  uint64    `json:"after"` // the number of the last that is lost, or of the one before
	Reason string    `json:"reason"`
	Count  uint64    `json:"count"`
	First  time.Time `json:"first"` // when the first that is lost came; zero: not known
	Last   time.Time `json:"last"`
}

// gaps are those that the cloud was not told of yet, in order. The queue guards
// them.
type gaps struct {
	topic    string            // there; empty: no rule takes it, and nothing is told
	upstream string            // the name
	waiting  []*gap            // by After
	told     map[string]uint64 // how many lost messages the cloud was told of, by reason
	paced    time.Time         // when the next may go
	changed  bool              // since it was last kept
}

const (
	// mostGaps is how many gaps are told apart; more are told as one.
	mostGaps = 200
	// gapEvery is how often gaps go in the long run, and gapBurst for how long they
	// may save it up: there may be as many as messages.
	gapEvery = time.Second
	gapBurst = 20 * time.Second
)

// atTheFront says whether what is dropped for a reason is always the oldest.
func (q *queue) atTheFront(reason string) bool {
	switch reason {
	case droppedFull:
		return q.limits.Full != dropNewest && q.limits.Full != refuse
	case droppedSpace, droppedOld:
		return true
	}
	return false
}

// atTheEnd says whether what is dropped for a reason never had a place among what
// waits.
func (q *queue) atTheEnd(reason string) bool {
	return reason == droppedOffline || reason == droppedStore || reason == droppedFull && !q.atTheFront(reason)
}

// miss notes that a message was dropped that stood behind, or at, a number.
func (q *queue) miss(after uint64, reason string, came time.Time) {
	g := &q.gaps
	if g.topic == "" || reason == "" || reason == droppedOwn || reason == droppedLoop {
		return
	}
	g.changed = true
	i, _ := slices.BinarySearchFunc(g.waiting, after+1, func(g *gap, n uint64) int {
		if g.After < n {
			return -1
		}
		return 1
	})
	for j := i - 1; j >= 0; j-- {
		old := g.waiting[j]
		// Before what is dropped as it is to go, nothing waits any more.
		joins := old.After == after || !q.atTheEnd(reason) || len(g.waiting) >= mostGaps
		if !joins {
			break
		}
		if old.Reason == reason {
			old.Count++
			old.Last = came
			old.After = max(old.After, after)
			slices.SortStableFunc(g.waiting, byPlace)
			return
		}
	}
	g.waiting = slices.Insert(g.waiting, i, &gap{After: after, Reason: reason, Count: 1, First: came, Last: came})
}

func byPlace(a, b *gap) int {
	switch {
	case a.After < b.After:
		return -1
	case a.After > b.After:
		return 1
	}
	return 0
}

// gapStands says whether a gap is to be told of before a message goes.
func (q *queue) gapStands(number uint64, now time.Time) bool {
	g := &q.gaps
	return len(g.waiting) > 0 && g.waiting[0].After < number && !now.Before(g.paced) && !q.delayed(g.topic)
}

// gapBefore is the entry for a gap that comes before a message, nil if there is
// none, or it is not its time.
func (q *queue) gapBefore(number uint64, now time.Time) *entry {
	g := &q.gaps
	if !q.gapStands(number, now) {
		return nil
	}
	first := g.waiting[0]
	g.waiting = g.waiting[1:]
	g.paced = later(g.paced, now.Add(-gapBurst)).Add(gapEvery)
	m := mqtt.Message{
		Topic: g.topic, Payload: first.text(g.upstream, now), QoS: mqtt.AtLeastOnce, UTF8: true, ContentType: "application/json",
	}
	return &entry{item: item{message: m, came: now}, settled: true, lane: express, gap: first}
}

// text is what the cloud is told: {"event":"gap","upstream":"cloud","reason":"backlog
// full","count":12,"first":1795209372123,"last":1795209999123,"ts":1795210000123}.
func (g *gap) text(upstream string, now time.Time) []byte {
	said := struct {
		TS       int64  `json:"ts"`
		Event    string `json:"event"`
		Upstream string `json:"upstream"`
		Reason   string `json:"reason"`
		Count    uint64 `json:"count"`
		First    int64  `json:"first,omitempty"`
		Last     int64  `json:"last,omitempty"`
	}{TS: now.UnixMilli(), Event: "gap", Upstream: upstream, Reason: g.Reason, Count: g.Count}
	if !g.First.IsZero() {
		said.First, said.Last = g.First.UnixMilli(), g.Last.UnixMilli()
	}
	text, _ := json.Marshal(said) // strings and numbers
	return text
}

// tell notes that the cloud has been told of a gap.
func (g *gaps) tell(told *gap) {
	if g.told == nil {
		g.told = map[string]uint64{}
	}
	g.told[told.Reason] += told.Count
	g.changed = true
}

// putBack notes that the cloud may not have been told.
func (g *gaps) putBack(lost *gap) {
	i, _ := slices.BinarySearchFunc(g.waiting, lost, byPlace)
	g.waiting = slices.Insert(g.waiting, i, lost)
}

// keptGaps is what is kept of them over restarts.
type keptGaps struct {
	Waiting []*gap            `json:"waiting"`
	Told    map[string]uint64 `json:"told"`
}

// keep is what is to be kept, nil if nothing has changed.
func (q *queue) keepGaps() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.gaps.changed {
		return nil
	}
	q.gaps.changed = false
	all := keptGaps{Waiting: slices.Clone(q.gaps.waiting), Told: q.gaps.told}
	for _, f := range q.flights {
		if f.entry.gap != nil {
			all.Waiting = append(all.Waiting, f.entry.gap)
		}
	}
	text, _ := json.Marshal(all) // strings, numbers and times
	return text
}

// restoreGaps takes up what was kept. What was dropped since, as the accounts say,
// has lost its time.
func (q *queue) restoreGaps(kept []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	g := &q.gaps
	var all keptGaps
	if json.Unmarshal(kept, &all) == nil {
		g.told = all.Told
		for _, one := range all.Waiting {
			if one != nil && len(g.waiting) < 2*mostGaps {
				g.waiting = append(g.waiting, one)
			}
		}
		slices.SortStableFunc(g.waiting, byPlace)
	}
	if g.topic == "" || !q.durable {
		return
	}
	for reason, n := range q.sum.dropped {
		known := g.told[reason]
		var last *gap
		for _, one := range g.waiting {
			if one.Reason == reason {
				known += one.Count
				last = one
			}
		}
		switch {
		case n <= known || reason == droppedOwn || reason == droppedLoop:
		case last != nil:
			last.Count += n - known
		default:
			after := q.highest
			if q.atTheFront(reason) {
				after = 0
			}
			g.putBack(&gap{After: after, Reason: reason, Count: n - known})
		}
	}
}
