package main

import (
	"fmt"
	"time"
)

// rest brings the client to the end of a round: connected, with all that it
// published acknowledged.
func (a *actor) rest() error {
	if a.link == nil {
		if err := a.connect(a.session == nil); err != nil {
			return err
		}
	}
	if err := a.await(func() bool { return len(a.flights) == 0 }); err != nil {
		return fmt.Errorf("%d messages unacknowledged: %w", len(a.flights), err)
	}
	return a.ping()
}

// awaitAll waits for what is still to come, as long as anything does.
func (a *actor) awaitAll() {
	for came, since := -1, time.Now(); time.Since(since) < quiet; time.Sleep(20 * time.Millisecond) {
		a.world.mu.Lock()
		absent := 0
		a.world.judgeAbsent(a.session, func(string, string, ...any) { absent++ })
		now := len(a.session.got)
		a.world.mu.Unlock()
		if absent == 0 {
			return
		}
		if now != came {
			came, since = now, time.Now()
		}
	}
}

// quiet is how long nothing comes before what has not come counts as lost.
const quiet = 5 * time.Second

// startOver keeps of the round what the next one needs. The lock is held.
func (a *actor) startOver() {
	s := a.session
	a.sessions = append(a.sessions[:0], s)
	s.got, s.events = nil, nil
	kept := s.subs[:0]
	for _, sub := range s.subs {
		if sub.asked != never {
			continue
		}
		last := sub.grants[len(sub.grants)-1]
		last.retained = false // it has been judged
		sub.grants = append(sub.grants[:0], last)
		kept = append(kept, sub)
		s.note(last.answered, "has subscribed %s with QoS %d, no local %v", sub.filter, last.qos, last.noLocal)
	}
	clear(s.subs[len(kept):])
	s.subs = kept
}

// story is what happened to the client in this round.
func (a *actor) story() string {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	var text string
	for _, s := range a.sessions {
		text += a.world.history(s, "")
		for _, d := range s.wrong {
			text += fmt.Sprintf("%v\n", d)
		}
	}
	return text
}
